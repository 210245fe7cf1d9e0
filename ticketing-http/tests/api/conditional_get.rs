//! `ETag` and `If-None-Match`.

use crate::shop::{Call, Shop};

#[tokio::test]
async fn conditional_get_returns_304() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(5)).await;
    let path = format!("/events/{event}");
    let ask = |path: &str, tag: &str| shop.send(Call::new("get", path).header("if-none-match", tag));
    let tag = shop.get(&path, "").await.header("etag").to_owned();
    let known = ask(&path, &format!("W/{tag}")).await;
    assert_eq!((known.status, known.bytes.len(), known.header("etag")), (304, 0, tag.as_str()));
    let (_, tickets) = shop.buy(&ada, event, 1).await;
    assert_eq!(ask(&path, &tag).await.status, 200, "a place is gone");

    let code = tickets[0]["ticket_code"].as_str().unwrap();
    for (kind, content_type) in [("png", "image/png"), ("svg", "image/svg+xml")] {
        let path = format!("/tickets/{code}/qr.{kind}");
        let image = shop.get(&path, "").await;
        assert_eq!((image.status, image.header("content-type")), (200, content_type));
        assert_eq!(image.header("cache-control"), "private, max-age=31536000, immutable");
        assert_eq!(ask(&path, image.header("etag")).await.status, 304);
    }
    assert_eq!(ask("/tickets/00000000000000000000000000/qr.png", "*").await.status, 404);
}
