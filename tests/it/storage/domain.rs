//! Domains, shared and owned.

use postern::model::DomainName;
use postern::storage::domain;
use postern::storage::domain::NewDomain;

use super::fixtures::{commit, house, new_user, read};
use crate::support::database::each_driver;

#[tokio::test]
async fn a_domain_is_added_once_and_usable_by_its_owner_or_everybody() {
    each_driver(async |database| {
        let house = house(&database).await;
        let bob = new_user(&database, "bob@inbox.example").await;
        let new = |name: &str, owner| NewDomain {
            uuid: database.uuid(),
            name: DomainName::parse(name).unwrap(),
            user_id: owner,
            created_at: database.now(),
        };
        let own = new("ann.example", Some(house.user.id));
        let twice = new("ann.example", None);
        let shared = new("shared.example", None);
        let made = commit!(database, tx => async {
            let made = domain::create(tx, &own).await?;
            assert!(domain::create(tx, &twice).await.unwrap_err().is_taken());
            domain::create(tx, &shared).await?;
            Ok(made)
        })
        .unwrap();
        let found = read!(database, tx => domain::find_by_name(tx, &made.name)).unwrap();
        assert_eq!(
            (found.id, found.uuid, found.user_id, found.created_at),
            (made.id, made.uuid, Some(house.user.id), database.now())
        );
        let names = |domains: Vec<postern::model::domain::Domain>| -> Vec<String> {
            domains.iter().map(|domain| domain.name.to_string()).collect()
        };
        assert_eq!(names(read!(database, tx => domain::list(tx))), ["alias.example", "ann.example", "shared.example"]);
        let anns = read!(database, tx => domain::list_usable(tx, house.user.id));
        assert_eq!(names(anns), ["alias.example", "shared.example", "ann.example"]);
        assert_eq!(names(read!(database, tx => domain::list_usable(tx, bob.id))), ["alias.example", "shared.example"]);
    })
    .await;
}
