//! Domains of the settings, and those added later.

use postern::service::domain::{self, AddError, EnsureError};

use super::{add_user, desk, name};
use crate::support::database::each_driver;

#[tokio::test]
async fn domains_of_the_settings_are_added_once_and_stay() {
    each_driver(async |database| {
        let desk = desk(&database);
        let both = [name("b.example"), name("a.example")];
        assert_eq!(domain::ensure_instance_domains(&desk, &both).await.unwrap(), 2);
        assert_eq!(domain::ensure_instance_domains(&desk, &both[1..]).await.unwrap(), 0);
        let names: Vec<_> = domain::list(&desk).await.unwrap().into_iter().map(|domain| domain.name).collect();
        assert_eq!(names, both);
    })
    .await;
}

#[tokio::test]
async fn nodes_that_start_at_once_agree() {
    each_driver(async |database| {
        let desk = desk(&database);
        let names = [name("a.example"), name("b.example")];
        let starts = (0..6).map(|_| domain::ensure_instance_domains(&desk, &names));
        let added: u64 = futures_util::future::join_all(starts).await.into_iter().map(Result::unwrap).sum();
        assert_eq!(added, 2);
    })
    .await;
}

#[tokio::test]
async fn a_users_own_domain_is_theirs_alone() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = add_user(&desk, "ann@inbox.example", true).await;
        let bob = add_user(&desk, "bob@inbox.example", true).await;
        let own = domain::add(&desk, name("ann.example"), Some(ann.id)).await.unwrap();
        assert!(matches!(domain::add(&desk, name("ann.example"), Some(bob.id)).await, Err(AddError::Taken)));
        let shared = [name("new.example"), name("ann.example")];
        assert!(matches!(domain::ensure_instance_domains(&desk, &shared).await, Err(EnsureError::Owned(_))));
        assert_eq!(domain::list(&desk).await.unwrap().len(), 1, "nothing of a refused start is kept");
        assert_eq!(domain::list_usable(&desk, ann.id).await.unwrap()[0].id, own.id);
        assert!(domain::list_usable(&desk, bob.id).await.unwrap().is_empty());
    })
    .await;
}
