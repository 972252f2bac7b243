//! What is on the wire and what is knowingly not, as the README lists it.

use std::fmt::Write as _;

use super::protocol::Service;
use super::table;

/// What a service has on AWS and not here.
struct LeftOut {
    /// In words, where naming every operation would be a list of that service.
    words: &'static str,
    /// The operations by name. For IAM Identity Center and its identity store these are all: `tests/wire` holds them
    /// against the service models.
    operations: &'static [&'static str],
}

/// The operations of every service as a table, and then what each has on AWS and not here; Markdown.
pub fn reference() -> String {
    let mut out = String::from("| service | simulated |\n|---|---|\n");
    for service in Service::ALL {
        let names = table(service).iter().map(|(name, _)| *name);
        row(&mut out, service, &quoted(names), "");
    }
    out.push_str("\n| service | not simulated |\n|---|---|\n");
    for service in Service::ALL {
        let LeftOut { words, operations } = left_out(service);
        row(&mut out, service, words, &quoted(operations.iter().copied()));
    }
    out
}

fn row(out: &mut String, service: Service, words: &str, more: &str) {
    let separator = if words.is_empty() || more.is_empty() {
        ""
    } else {
        ": "
    };
    let _ = writeln!(
        out,
        "| {} (`{}`) | {words}{separator}{more} |",
        title(service),
        service.model()
    );
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn title(service: Service) -> &'static str {
    match service {
        Service::SsoAdmin => "IAM Identity Center",
        Service::IdentityStore => "its identity store",
        Service::Organizations => "AWS Organizations",
        Service::Iam => "IAM",
        Service::Sts => "STS",
    }
}

fn left_out(service: Service) -> LeftOut {
    let (words, operations): (_, &[_]) = match service {
        Service::SsoAdmin => (
            "applications, trusted token issuers, making and deleting instances",
            &APPLICATIONS,
        ),
        Service::IdentityStore => ("", &["UpdateIdentityStore"]),
        Service::Organizations => (
            "policies (SCPs and the others), invitations and handshakes, the delegation policy, responsibility transfers, \
             making and deleting the organization itself",
            &[],
        ),
        Service::Iam => (
            "users, groups, policies, and making or changing roles and providers: the operations above that would change a \
             role are refused as AWS refuses them for roles of IAM Identity Center",
            &[],
        ),
        Service::Sts => (
            "other ways to get credentials",
            &["AssumeRoleWithSAML", "GetSessionToken"],
        ),
    };
    LeftOut { words, operations }
}

/// The operations of IAM Identity Center that have no place in a world without applications.
const APPLICATIONS: [&str; 35] = [
    "CreateApplication",
    "CreateApplicationAssignment",
    "CreateInstance",
    "CreateTrustedTokenIssuer",
    "DeleteApplication",
    "DeleteApplicationAccessScope",
    "DeleteApplicationAssignment",
    "DeleteApplicationAuthenticationMethod",
    "DeleteApplicationGrant",
    "DeleteInstance",
    "DeleteTrustedTokenIssuer",
    "DescribeApplication",
    "DescribeApplicationAssignment",
    "DescribeApplicationProvider",
    "DescribeTrustedTokenIssuer",
    "GetApplicationAccessScope",
    "GetApplicationAssignmentConfiguration",
    "GetApplicationAuthenticationMethod",
    "GetApplicationGrant",
    "GetApplicationSessionConfiguration",
    "ListApplicationAccessScopes",
    "ListApplicationAssignments",
    "ListApplicationAssignmentsForPrincipal",
    "ListApplicationAuthenticationMethods",
    "ListApplicationGrants",
    "ListApplicationProviders",
    "ListApplications",
    "ListTrustedTokenIssuers",
    "PutApplicationAccessScope",
    "PutApplicationAssignmentConfiguration",
    "PutApplicationAuthenticationMethod",
    "PutApplicationGrant",
    "PutApplicationSessionConfiguration",
    "UpdateApplication",
    "UpdateTrustedTokenIssuer",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_both_simulated_and_left_out() {
        for service in Service::ALL {
            for name in left_out(service).operations {
                assert!(super::super::handler(service, name).is_none(), "{name}");
            }
        }
    }

    #[test]
    fn every_service_has_a_row_of_what_is_there_and_one_of_what_is_not() {
        let reference = reference();
        for service in Service::ALL {
            let of = format!("(`{}`) | ", service.model());
            assert_eq!(reference.matches(&of).count(), 2, "{of}");
        }
        assert!(
            reference.contains("| STS (`sts`) | `AssumeRole`, "),
            "{reference}"
        );
        assert!(
            reference.contains("| its identity store (`identitystore`) | `UpdateIdentityStore` |"),
            "{reference}"
        );
    }
}
