//! What answers hold, and whom it is taken from.

use nic_authority::HostAuthority;

use super::*;

/// A server that answers with these bytes, whatever they are, and then says nothing more.
async fn says(answer: String) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            kept.push(stream);
        }
    });
    url
}

async fn described(gate: &Gate, room: &Room) -> Result<(CloudResponse, Reserved), ProviderError> {
    let mut held = room.begin();
    let admitted = gate.admit(&reading(), ec2(DESCRIBE))?;
    gate.send(&reading(), admitted, &mut held).await.map(|response| (response, held))
}

#[tokio::test]
async fn an_answer_that_finds_no_room_is_not_read() {
    let (url, _) = server("200 OK", "0123456789").await;
    let gate = gate(&url);
    let room = gate.room(600);
    let first = described(&gate, &room).await.unwrap();
    let mut others = room.begin();
    others.add(500).unwrap();
    // Its own: the same would come of it again.
    let refused = described(&gate, &room).await.unwrap_err();
    assert_eq!((refused.code(), refused.retry()), ("RESPONSE_TOO_LARGE", Retry::No));
    assert!(refused.leaves_doubt());
    drop((first, others));
    assert!(described(&gate, &room).await.is_ok());
}

#[tokio::test]
async fn what_others_hold_passes_and_is_not_the_hosts() {
    let (url, _) = server("200 OK", "0123456789").await;
    let gate = gate(&url);
    let mut others = gate.0.room.begin();
    others.add(MAX_HELD_BYTES).unwrap();
    let refused = described(&gate, &gate.room(600)).await.unwrap_err();
    assert_eq!((refused.code(), refused.retry()), ("NO_ROOM_LEFT", Retry::AfterReading));
    assert_eq!(
        HostGate::new(gate.clone(), &HostAuthority::claim()).send(ec2(DESCRIBE)).await.unwrap().body,
        b"0123456789"
    );
    drop(others);
    assert!(described(&gate, &gate.room(600)).await.is_ok());
}

#[tokio::test]
async fn what_is_only_promised_takes_no_room() {
    let url = says(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\nbegun", 30 << 20)).await;
    let gate = gate(&url);
    let room = gate.room(1 << 20);
    let mut held = room.begin();
    let (bounds, admitted) = (reading(), gate.admit(&reading(), ec2(DESCRIBE)).unwrap());
    let sending = gate.send(&bounds, admitted, &mut held);
    assert!(tokio::time::timeout(Duration::from_millis(500), sending).await.is_err(), "it ended");
    room.begin().add((1 << 20) - (64 << 10)).expect("most of it is left");
    let url = says(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\nbegun", 33 << 20)).await;
    let refused = described(&super::gate(&url), &room).await.unwrap_err();
    assert_eq!(refused.code(), "RESPONSE_TOO_LARGE", "{refused}");
}

#[tokio::test]
async fn an_answer_of_no_told_length_takes_what_its_buffer_has() {
    let (pieces, piece) = (100, "x".repeat(10_000));
    let chunks = format!("{:x}\r\n{piece}\r\n", piece.len()).repeat(pieces);
    let url =
        says(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{chunks}0\r\n\r\n"))
            .await;
    let gate = gate(&url);
    let room = gate.room(4 << 20);
    let (response, _held) = described(&gate, &room).await.unwrap();
    assert_eq!(response.body.len(), pieces * piece.len());
    let left = (4 << 20) - response.body.capacity();
    assert!(room.begin().add(left + 1).is_err() && room.begin().add(left).is_ok());
    // To move it takes both, for which this is too small.
    assert_eq!(described(&gate, &gate.room(1_100_000)).await.unwrap_err().code(), "RESPONSE_TOO_LARGE");
}
