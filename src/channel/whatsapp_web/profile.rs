//! Profiles: of others to read, the account's own to change.

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use wacore::iq::usync::{
    UsyncContext, UsyncMode, UsyncOutcome, UsyncProtocol, UsyncProtocolKind, UsyncProtocolResult, UsyncQuery,
    UsyncUser,
};

use super::address::{from_wire, to_wire};
use super::connection::Connection;
use super::picture;
use crate::channel::{About, Error, Profiles};
use crate::domain::Jid;
use crate::media::File;

#[async_trait]
impl Profiles for Connection {
    async fn picture(&self, of: &Jid) -> Result<Option<String>, Error> {
        let (client, of) = (self.client()?, to_wire(of)?);
        let found = self.answer(client.contacts().get_profile_picture(&of, false)).await?;
        Ok(found.map(|picture| picture.url))
    }

    async fn about(&self, of: &Jid) -> Result<About, Error> {
        let (client, of) = (self.client()?, to_wire(of)?);
        // The library's own query for it leaves the time out.
        let query = UsyncQuery::new(
            UsyncMode::Query,
            UsyncContext::Interactive,
            vec![UsyncProtocol::BusinessVerifiedName, UsyncProtocol::Status],
            vec![UsyncUser::from_jid(of)],
        );
        let query = query.map_err(|error| Error::Protocol(error.to_string()))?;
        let answer = self.answer(client.query_usync(query)).await?;
        let Some(user) = answer.users.first() else { return Ok(About::default()) };
        let mut about = About::default();
        if let Some(UsyncProtocolResult::Status(UsyncOutcome::Value(status))) =
            user.protocol(UsyncProtocolKind::Status)
        {
            about.text = status.status.as_ref().map(ToString::to_string).filter(|text| !text.is_empty());
            about.set_at = status.timestamp;
        }
        if let Some(UsyncProtocolResult::Business(UsyncOutcome::Value(business))) =
            user.protocol(UsyncProtocolKind::Business)
        {
            about.is_business = true;
            about.name = business.verified_name.as_ref().and_then(|name| name.name.clone());
        }
        Ok(about)
    }

    async fn business(&self, of: &Jid) -> Result<Option<Map<String, Value>>, Error> {
        let (client, of) = (self.client()?, to_wire(of)?);
        let Some(found) = self.answer(client.get_business_profile(&of)).await? else { return Ok(None) };
        let mut shown = Map::new();
        shown.insert("wid".to_owned(), json!(from_wire(found.wid.as_ref().unwrap_or(&of))));
        shown.insert("description".to_owned(), json!(found.description));
        shown.insert("email".to_owned(), json!(found.email));
        shown.insert("website".to_owned(), json!(found.website));
        shown.insert("address".to_owned(), json!(found.address));
        shown.insert("category".to_owned(), json!(found.categories.first().map(|category| &category.name)));
        shown.insert("business_hours".to_owned(), json!(found.business_hours));
        Ok(Some(shown))
    }

    async fn set_name(&self, name: &str) -> Result<(), Error> {
        self.answer(self.client()?.profile().set_push_name(name)).await
    }

    async fn set_about(&self, text: &str) -> Result<(), Error> {
        self.answer(self.client()?.profile().set_status_text(text)).await
    }

    async fn set_picture(&self, image: &File) -> Result<(), Error> {
        let client = self.client()?;
        let jpeg = picture::jpeg(&self.context.files, "picture", image).await?;
        self.answer(client.profile().set_profile_picture(jpeg)).await.map(drop)
    }

    async fn remove_picture(&self) -> Result<(), Error> {
        self.answer(self.client()?.profile().remove_profile_picture()).await.map(drop)
    }
}
