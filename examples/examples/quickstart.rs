use ticketing_core::prelude::*;
use ticketing_core::{qr, testing::FakeGateway};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gateway = FakeGateway::new(); // in production: PaystackGateway
    let shop = Ticketing::builder(SqliteStorage::open("quickstart.db").await?).gateway(gateway.clone()).build()?;
    let band = Principal::from("band-7"); // a user of your own application
    let price = Money::parse("5000.00", "NGN".parse()?)?;
    let event = NewEvent::general_admission("Jazz Night", "2099-12-31T20:00:00Z".parse()?, "Lagos", price, Some(300));
    let event = shop.create_event(&band, event).await?;
    let ada = Buyer::new("ada", "ada@example.com".parse()?);
    let payment = shop.buy(&ada, OrderRequest::tickets(event.id, 1), PayOptions::default()).await?.attempt.reference;
    gateway.pay(&payment); // in production, the buyer pays on the gateway's page
    let Settlement::Fulfilled { tickets, .. } = shop.verify(&ada.who, &payment).await? else { panic!("not paid") };
    Ok(std::fs::write("ticket.png", qr::png(&tickets[0].code))?)
}
