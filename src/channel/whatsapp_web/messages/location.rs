//! Places.

use buffa::MessageField;
use waproto::whatsapp as wa;

use crate::channel::Location;

pub(super) fn message(place: Location) -> wa::Message {
    let location = wa::message::LocationMessage {
        degrees_latitude: Some(place.latitude),
        degrees_longitude: Some(place.longitude),
        name: Some(place.name),
        address: Some(place.address),
        ..Default::default()
    };
    wa::Message { location_message: MessageField::some(location), ..Default::default() }
}
