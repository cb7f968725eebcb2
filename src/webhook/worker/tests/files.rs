//! Attempts that carry the files of messages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::super::Outside;
use super::super::attempt::{Sender, Verdict};
use super::super::key::{Feed, Job, Key};
use super::running::Memory;
use super::world::{instance, row};
use crate::domain::{Event, InstanceId};
use crate::webhook::endpoints::Endpoints;
use crate::webhook::{Attach, Directory, Endpoint, Options, Post, PostError, Request, Response, Unavailable};

/// The endpoint of this instance answers when it is let.
const SLOW: u8 = 0;

struct Names;

#[async_trait]
impl Directory for Names {
    async fn endpoint(&self, instance: InstanceId, _: &'static str) -> Result<Option<Endpoint>, Unavailable> {
        let url = format!("https://{instance}.example");
        Ok(Some(Endpoint { url, base64: true, ..Endpoint::default() }))
    }
}

struct Files;

#[async_trait]
impl Attach for Files {
    async fn base64(&self, _: InstanceId, _: &str, _: &str) -> Option<String> {
        Some("QUJD".to_owned())
    }
}

struct Receivers {
    /// The files that came, by the id of their message.
    files: Mutex<BTreeMap<i64, Value>>,
    /// Requests that the slow endpoint has.
    came: Semaphore,
    /// Answers that it may give.
    answers: Semaphore,
}

#[async_trait]
impl Post for Receivers {
    async fn post(&self, request: Request) -> Result<Response, PostError> {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let id = body["data"]["key"]["id"].as_str().unwrap().parse().unwrap();
        self.files.lock().unwrap().insert(id, body["data"]["message"]["base64"].clone());
        if request.url.host_str() == Some(&format!("{}.example", instance(SLOW))) {
            self.came.add_permits(1);
            self.answers.acquire().await.unwrap().forget();
        }
        Ok(Response { status: 200, retry_after: None })
    }
}

fn job(id: i64, number: u8) -> Job {
    let row = row(id, number, u8::try_from(id).unwrap());
    let data = json!({
        "key": {"id": id.to_string(), "remoteJid": "1@s.whatsapp.net", "fromMe": false},
        "message": {"imageMessage": {"mediaKey": "QQ=="}},
    });
    let event = Event { data: to_raw_value(&data).unwrap(), chat: row.event.chat.clone(), ..*row.event };
    let key = Key { instance: instance(number), feed: Feed::Own };
    Job { key, origin: "".into(), row: crate::db::OutboxRow { event: Arc::new(event), ..row } }
}

#[tokio::test]
async fn a_slow_endpoint_takes_no_files_from_the_others_nor_from_itself() {
    let receivers =
        Arc::new(Receivers { files: Mutex::default(), came: Semaphore::new(0), answers: Semaphore::new(0) });
    let outside = Outside {
        post: Arc::<Receivers>::clone(&receivers),
        directory: Arc::new(Names),
        table: Arc::new(Memory::default()),
        clock: Arc::new(|| 0),
        random: Arc::new(|| 0.5),
    };
    let options = Options { attach: Some(Arc::new(Files)), ..Options::default() };
    let sender = Sender::new(&options, Endpoints::new(Arc::new(Names), Duration::from_secs(60)), &outside);
    let delivered = async |mut job: Job| {
        loop {
            let attempted = sender.attempt(job).await;
            match attempted.verdict {
                Verdict::Delivered => return,
                Verdict::Later { delay } => {
                    assert_eq!(attempted.job.row.attempt, 0, "nothing was tried");
                    tokio::time::sleep(Duration::from_millis(delay.try_into().unwrap())).await;
                    job = attempted.job;
                }
                other => panic!("{other:?}"),
            }
        }
    };
    let slow = join_all((1..=8).map(|id| delivered(job(id, SLOW))));
    let others = async {
        receivers.came.acquire_many(2).await.unwrap().forget();
        join_all((11..=14).map(|id| delivered(job(id, u8::try_from(id).unwrap())))).await;
        assert_eq!(receivers.came.available_permits(), 0, "more of one endpoint than its share");
        receivers.answers.add_permits(8);
    };
    tokio::join!(slow, others);
    let files = receivers.files.lock().unwrap();
    assert_eq!(files.len(), 12);
    assert!(files.values().all(|file| file == "QUJD"), "{files:?}");
}
