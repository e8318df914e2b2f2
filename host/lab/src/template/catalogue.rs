//! The templates that the lab's Railway has.

/// A template as `template(code:)` tells it.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) id: &'static str,
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    /// Its `serializedConfig`, as text.
    pub(crate) config: &'static str,
}

const ALL: &[Template] = &[
    // The guide's template is gone from Railway's own pages. Services, images and the code are as they were documented; assumed
    // are the variables, written as these images need them, and that it can still be asked for by its code.
    Template {
        id: "3b6f1a20-1d5c-4e7a-a9b1-70c2f8e4d001",
        code: "ha-postgres",
        name: "PostgreSQL HA with repmgr and PgPool",
        config: include_str!("ha-postgres.json"),
    },
    // Railway's own text of it is not known. Services, images, roles and the plain variables are as its marketplace lists
    // them; assumed are the variables that refer to others, that replicas follow with the superuser's role, which is the
    // one that an adopted server has, and that the front serves the template's database, whatever the root's is.
    Template {
        id: "9d1c7b52-1d5c-4e7a-a9b1-70c2f8e4d002",
        code: "postgres-ha",
        name: "Postgres HA",
        config: include_str!("postgres-ha.json"),
    },
];

impl Template {
    /// Finds a template by its code, as it stands in the address of its page.
    pub(crate) fn of_code(code: &str) -> Option<&'static Self> {
        ALL.iter().find(|template| template.code == code)
    }

    /// Finds a template by its id.
    pub(crate) fn of_id(id: &str) -> Option<&'static Self> {
        ALL.iter().find(|template| template.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ClusterRole;
    use crate::template::Wanted;

    #[test]
    fn every_template_can_be_deployed_as_it_is() {
        for template in ALL {
            let config = serde_json::from_str(template.config).unwrap();
            let wanted = Wanted::read(&config).unwrap();
            assert!(!wanted.is_empty(), "{}", template.code);
        }
    }

    #[test]
    fn railways_cluster_has_one_root_two_replicas_three_coordinators_and_a_front() {
        let template = Template::of_code("postgres-ha").unwrap();
        let wanted = Wanted::read(&serde_json::from_str(template.config).unwrap()).unwrap();
        let count = |role| wanted.iter().filter(|service| service.role == Some(role)).count();
        let roles =
            [ClusterRole::Root, ClusterRole::Replica, ClusterRole::Internal, ClusterRole::Edge];
        assert_eq!(roles.map(count), [1, 2, 3, 1]);
        assert_eq!(wanted.len(), 7);
    }

    #[test]
    fn the_cluster_serves_a_database_that_is_not_the_stacks() {
        let template = Template::of_code("ha-postgres").unwrap();
        let wanted = Wanted::read(&serde_json::from_str(template.config).unwrap()).unwrap();
        let names: Vec<&str> = wanted.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["pg-0", "pg-1", "pg-2", "pgpool"]);
        assert!(wanted[3].variables["DATABASE_URL"].ends_with("/railway"));
        assert_eq!(wanted[0].mount.as_deref(), Some("/bitnami/postgresql"));
    }
}
