//! Health, the index, and paths that do not exist.

use crate::shop::{Call, Shop};
use serde_json::json;

#[tokio::test]
async fn health_index_and_unknown_paths() {
    let shop = Shop::new().await;
    assert_eq!(shop.get("/health", "").await.json(), json!({"status": "healthy"}));
    let answer = shop.get("/", "").await;
    assert_eq!(
        (answer.members(), answer.text("docs").as_str()),
        (vec!["docs".to_owned(), "message".to_owned(), "version".to_owned()], "/docs")
    );
    for path in ["/events", "/events/", "/categories", "/categories/", "/health/"] {
        assert_eq!(shop.get(path, "").await.status, 200, "{path}");
    }
    assert_eq!(shop.get("/nowhere", "").await.problem(), (404, "path_unknown".to_owned()));
    let answer = shop.send(Call::new("delete", "/events/")).await;
    assert_eq!(
        (answer.problem(), answer.header("allow")),
        ((405, "method_not_allowed".to_owned()), "GET, HEAD, OPTIONS, POST")
    );
}
