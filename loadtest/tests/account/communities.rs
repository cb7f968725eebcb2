//! Communities: founded, listed, joined, their groups linked and written to.

use whatsapp_rust::{
    Jid, features::CreateCommunityOptions, types::events::Event, wacore::iq::groups::GroupCreateOptions,
};

use crate::common::{client::TestClient, simulator};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_community_is_founded_joined_and_written_to() {
    let simulator = simulator().await;
    let (ana, _) = TestClient::paired(&simulator, None).await;
    let (mut bia, bia_id) = TestClient::paired(&simulator, None).await;
    let bia_jid = Jid::pn(bia_id.phone.as_str());
    let options =
        CreateCommunityOptions { description: Some("Us".into()), ..CreateCommunityOptions::new("Village") };
    let community = ana.client.community().create(options).await.expect("create").metadata;
    assert!(community.is_parent_group);
    let groups = ana.client.community().get_subgroups(&community.id).await.expect("groups");
    let kinds: Vec<_> =
        groups.iter().map(|group| (group.is_default_sub_group, group.is_general_chat)).collect();
    assert_eq!(kinds, [(true, false), (false, true)]);
    let announcements = groups[0].id.clone();

    // A group of its own, with somebody who gets into the community by it.
    let choir = ana
        .client
        .community()
        .create_subgroup("Choir", std::slice::from_ref(&bia_jid), community.id.clone())
        .await
        .expect("subgroup")
        .metadata;
    assert_eq!(choir.parent_group_jid.as_ref(), Some(&community.id));
    bia.event("group", |event| matches!(event, Event::GroupUpdate(_)).then_some(())).await;
    let mine = bia.client.community().get_participating().await.expect("participating");
    assert!(mine.contains_key(&community.id));
    let groups = bia.client.groups().get_participating().await.expect("groups");
    assert!([&choir.id, &announcements].into_iter().all(|id| groups.contains_key(id)));

    // A group that was there before.
    let options = GroupCreateOptions { subject: "Football".into(), ..Default::default() };
    let football = ana.client.groups().create_group(options).await.expect("create").metadata.id;
    let football = [football];
    let linked = ana.client.community().link_subgroups(community.id.clone(), &football).await.expect("link");
    assert_eq!((linked.linked_jids.as_slice(), linked.failed_groups.len()), (&football[..], 0));
    let again = ana.client.community().link_subgroups(community.id.clone(), &football).await.expect("link");
    assert_eq!(again.failed_groups, [(football[0].clone(), 409)]);
    let found = bia.client.community().query_linked_group(community.id.clone(), football[0].clone()).await;
    assert_eq!(found.expect("query").subject, "Football");
    let joined = bia.client.community().join_subgroup(community.id.clone(), football[0].clone()).await;
    assert_eq!(joined.expect("join").participants.len(), 2);
    let counts = ana.client.community().get_subgroup_participant_counts(&community.id).await.expect("counts");
    assert!(counts.contains(&(football[0].clone(), 2)));
    let all = ana.client.community().get_linked_groups_participants(community.id.clone()).await.expect("all");
    assert_eq!(all.len(), 2);

    for group in [&choir.id, &football[0], &announcements] {
        ana.client.send_text(group.clone(), "hello").await.expect("send");
        assert_eq!(bia.text().await.chat, *group);
    }
    let unlinked = ana
        .client
        .community()
        .unlink_subgroups(community.id.clone(), &football, false)
        .await
        .expect("unlink");
    assert_eq!(unlinked.unlinked_jids, football);
    assert!(bia.client.community().deactivate(community.id.clone()).await.is_err());
    ana.client.community().deactivate(community.id.clone()).await.expect("deactivate");
    let left = bia.client.groups().get_participating().await.expect("groups");
    assert!(left.contains_key(&choir.id) && !left.contains_key(&announcements));
}
