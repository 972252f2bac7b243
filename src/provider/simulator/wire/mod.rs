//! The simulator on the wire: requests in AWS's own protocols, answered from a [`Simulator`]'s world.
//!
//! [`Wire::answer`] is a function from a request to an answer, apart from the world's files; [`server`] is the HTTP in
//! front of it. One file holds one service, and begins with the table of its operations.

pub mod credentials;
pub mod fault;
mod iam;
mod identity_store;
mod input;
mod organizations;
pub mod protocol;
mod reference;
#[cfg(feature = "serve")]
pub mod server;
mod shapes;
mod sso_admin;
mod sts;
mod token;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::Simulator;
use super::world::World;
use super::world::clock::Time;
use super::world::error::{ErrorCode, Reason, ServiceError};
use crate::provider::ProviderError;
use credentials::Scope;
use fault::{Cut, Fault, Faults, Mishap};
use input::Input;
use protocol::{Named, Reply, Request, Service, WireError};
use shapes::{Shapes, Unacceptable};

pub use reference::reference;

/// Carries out an operation.
type Handler = fn(&mut World, Input<'_>) -> Result<Value, ServiceError>;
/// The operations of a service, by name.
type Table = &'static [(&'static str, Handler)];

/// How the world's clock runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// As the wall's.
    Real,
    /// As the wall's, and whoever asks how a request stands finds it ended: the clock jumps there.
    Fast,
}

/// What a server is set up with.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// How the clock runs.
    pub clock: Clock,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// The seed of what goes wrong.
    pub seed: u64,
    /// IAM actions that no caller is allowed.
    pub denied: BTreeSet<String>,
    /// The wall's time at the start.
    pub now: Timestamp,
}

/// An answer, and what happens to it on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What is answered.
    pub reply: Reply,
    /// After how long.
    pub delay: Duration,
    /// What the connection does to it.
    pub cut: Option<Cut>,
}

/// A simulator that speaks AWS's protocols.
#[derive(Debug)]
pub struct Wire {
    simulator: Simulator,
    shapes: Shapes,
    setup: Setup,
    faults: Mutex<Faults>,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// How much time had passed at the latest request.
    elapsed: Duration,
    requests: u64,
}

impl Wire {
    /// Puts the protocols in front of a simulator, whose clock is set to the wall's unless it is ahead.
    ///
    /// # Errors
    /// When the world's files cannot be written.
    pub fn new(simulator: Simulator, setup: Setup) -> Result<Self, ProviderError> {
        let millis = u64::try_from(setup.now.as_millisecond()).unwrap_or(0);
        simulator.with_world(|world| world.advance_to(Time::from_millis(millis)))?;
        let shapes = Shapes::load().map_err(|error| ProviderError::Storage {
            message: format!("the shapes of the simulator's operations are damaged: {error}").into(),
        })?;
        Ok(Wire {
            simulator,
            shapes,
            faults: Mutex::new(Faults::new(setup.seed, setup.faults.clone())),
            setup,
            progress: Mutex::new(Progress::default()),
        })
    }

    /// Answers a request that came `elapsed` after the start. What it did is on disk when this returns.
    pub fn answer(&self, request: &Request, elapsed: Duration) -> Answered {
        let (passed, number) = self.pass(elapsed);
        let request_id = self.request_id(number, elapsed);
        let scope = request.authorization.as_deref().and_then(Scope::parse);
        let named = match protocol::name(request, scope.as_ref()) {
            Ok(named) => named,
            Err((service, error)) => {
                return Answered::plain(protocol::error_reply(service, &error, &request_id));
            }
        };
        let mishap = self.mishap(&named.operation);
        let refuse = |error: &WireError| protocol::error_reply(named.service, error, &request_id);
        let reply = match mishap.instead(named.service) {
            Some(error) => refuse(&error),
            None => match self.carry_out(&named, request, scope.as_ref(), passed) {
                Ok(output) => match mishap.lost(named.service) {
                    Some(error) => refuse(&error),
                    None => protocol::reply(named.service, &named.operation, &output, &request_id),
                },
                Err(error) => refuse(&error),
            },
        };
        Answered {
            reply,
            delay: mishap.delay,
            cut: mishap.cut(),
        }
    }

    /// Answers a request that nobody wants to read to its end.
    pub fn too_large(&self, elapsed: Duration) -> Reply {
        // The time that passed is for the next request that reaches the world.
        let (_, number) = self.pass(Duration::ZERO);
        let request_id = self.request_id(number, elapsed);
        protocol::error_reply(Service::SsoAdmin, &WireError::too_large(), &request_id)
    }

    /// The world's simulator, for who set the server up.
    pub fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    fn carry_out(
        &self,
        named: &Named,
        request: &Request,
        scope: Option<&Scope>,
        passed: Duration,
    ) -> Result<Value, WireError> {
        let Named {
            service, operation, ..
        } = named;
        let handler = handler(*service, operation).ok_or_else(|| match service.is_query() {
            true => WireError::invalid_action(operation, self.shapes.version(*service)),
            false => WireError::unknown_operation(),
        })?;
        let mut input = self.input(named, request)?;
        let digest = token::open(*service, operation, &mut input)?;
        let caller = credentials::caller(scope, request.security_token.as_deref(), &self.setup.denied);
        let jumps = self.setup.clock == Clock::Fast && POLLS.contains(&operation.as_str());
        let carried_out = self.simulator.with_world(|world| {
            world.advance(passed);
            if jumps {
                world.settle();
            }
            world.set_caller(caller);
            if world.is_caller_closed() {
                return Err(closed_account());
            }
            let input = Input(&input);
            match service {
                Service::SsoAdmin => sso_admin::carry_out(handler, operation, world, input),
                Service::IdentityStore => identity_store::carry_out(handler, world, input),
                _ => handler(world, input),
            }
        });
        let mut output = match carried_out {
            Ok(done) => done.map_err(|error| written(*service, &error))?,
            Err(error) => {
                let error = ServiceError::new(ErrorCode::InternalServerException, error.to_string());
                return Err(written(*service, &error));
            }
        };
        token::seal(*service, &digest, &mut output);
        Ok(output)
    }

    /// The input, checked against the model.
    fn input(&self, named: &Named, request: &Request) -> Result<Value, WireError> {
        let Named {
            service,
            operation,
            parameters,
        } = named;
        let parsed = if service.is_query() {
            self.shapes.query_input(*service, operation, parameters)
        } else if request.body.iter().all(u8::is_ascii_whitespace) {
            Ok(Value::Object(serde_json::Map::new()))
        } else {
            serde_json::from_slice(&request.body).map_err(|_| Unacceptable::Type(String::new()))
        };
        let checked = parsed.and_then(|input| {
            self.shapes.check(*service, operation, &input)?;
            Ok(input)
        });
        checked.map_err(|problem| match problem {
            Unacceptable::Type(message) if service.is_query() => {
                WireError::new("MalformedInput", 400, message)
            }
            Unacceptable::Type(message) => WireError::new("SerializationException", 400, message),
            Unacceptable::Constraint(message) => written(
                *service,
                &ServiceError::new(ErrorCode::ValidationException, message),
            ),
        })
    }

    /// How much time has passed since the request before, and this one's number.
    fn pass(&self, elapsed: Duration) -> (Duration, u64) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = elapsed.saturating_sub(progress.elapsed);
        // The clock counts milliseconds: what is below stays for the next request.
        let passed = Duration::from_millis(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX));
        progress.elapsed += passed;
        progress.requests += 1;
        (passed, progress.requests)
    }

    fn request_id(&self, number: u64, elapsed: Duration) -> String {
        let source = format!("{}/{number}/{}", self.setup.now, elapsed.as_nanos());
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, source.as_bytes()).to_string()
    }

    fn mishap(&self, operation: &str) -> Mishap {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.draw(operation)
    }
}

impl Answered {
    fn plain(reply: Reply) -> Self {
        Answered {
            reply,
            delay: Duration::ZERO,
            cut: None,
        }
    }
}

/// The operations that ask how something stands.
const POLLS: [&str; 15] = [
    "DescribeAccount",
    "DescribeAccountAssignmentCreationStatus",
    "DescribeAccountAssignmentDeletionStatus",
    "DescribeCreateAccountStatus",
    "DescribeInstance",
    "DescribeInstanceAccessControlAttributeConfiguration",
    "DescribePermissionSetProvisioningStatus",
    "DescribeRegion",
    "ListAccountAssignmentCreationStatus",
    "ListAccountAssignmentDeletionStatus",
    "ListAccounts",
    "ListAccountsForParent",
    "ListChildren",
    "ListCreateAccountStatus",
    "ListPermissionSetProvisioningStatus",
];

/// The operations of a service.
fn table(service: Service) -> Table {
    match service {
        Service::SsoAdmin => sso_admin::OPERATIONS,
        Service::IdentityStore => identity_store::OPERATIONS,
        Service::Organizations => organizations::OPERATIONS,
        Service::Iam => iam::OPERATIONS,
        Service::Sts => sts::OPERATIONS,
    }
}

fn handler(service: Service, operation: &str) -> Option<Handler> {
    let mut all = table(service).iter();
    all.find(|(name, _)| *name == operation)
        .map(|(_, handler)| *handler)
}

/// The answer to credentials of an account that is closed: as to any that the service does not take, `InvalidClientTokenId` of
/// IAM and STS and `UnrecognizedClientException` of the services that speak JSON (the codes are those of AWS's pages
/// "Common errors"). That nobody of such an account can call is said by the Organizations user guide, "Closing an AWS
/// account"; in which words it is refused is inferred.
fn closed_account() -> ServiceError {
    ServiceError::new(
        ErrorCode::UnrecognizedClientException,
        "The security token included in the request is invalid.",
    )
}

/// A refusal of the world in the codes and statuses of a service.
fn written(service: Service, error: &ServiceError) -> WireError {
    use ErrorCode as Code;
    let own = error.code.to_string();
    let (code, status) = match (service, error.code) {
        (Service::Iam | Service::Sts, Code::AccessDeniedException) => ("AccessDenied", 403),
        (Service::Iam | Service::Sts, Code::ValidationException) => ("ValidationError", 400),
        (Service::Iam | Service::Sts, Code::ThrottlingException) => ("Throttling", 400),
        (Service::Iam | Service::Sts, Code::InternalServerException) => ("ServiceFailure", 500),
        (Service::Iam | Service::Sts, Code::UnrecognizedClientException) => ("InvalidClientTokenId", 403),
        (_, Code::NoSuchEntity) => ("NoSuchEntity", 404),
        (Service::Organizations, Code::ValidationException) => ("InvalidInputException", 400),
        (Service::Organizations, Code::ThrottlingException) => ("TooManyRequestsException", 400),
        (Service::Organizations, Code::InternalServerException) => ("ServiceException", 500),
        (_, Code::InternalServerException) => (own.as_str(), 500),
        _ => (own.as_str(), 400),
    };
    let mut written = WireError::new(code, status, error.message.as_str());
    if let Some(reason) = reason(service, error) {
        written.members.push(("Reason", reason.to_string()));
    }
    if service == Service::IdentityStore && error.code == Code::ResourceNotFoundException {
        // "USER not found." says which type.
        let kind = match error.message.split(' ').next().unwrap_or_default() {
            "MEMBERSHIP" => "GROUP_MEMBERSHIP",
            kind => kind,
        };
        if ["USER", "GROUP", "GROUP_MEMBERSHIP", "IDENTITY_STORE"].contains(&kind) {
            written.members.push(("ResourceType", kind.to_owned()));
        }
    }
    written
}

/// The `Reason` of an exception: the identity store's conflicts have one, and two exceptions of Organizations.
fn reason(service: Service, error: &ServiceError) -> Option<Reason> {
    match service {
        Service::IdentityStore => error.reason.filter(|reason| reason.is_conflict()),
        Service::Organizations => error.reason.or_else(|| Reason::of_violation(&error.message)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Options;
    use super::*;

    fn wire(clock: Clock) -> Wire {
        let options = Options {
            quotas: false,
            ..Options::default()
        };
        let setup = Setup {
            clock,
            faults: Vec::new(),
            seed: 1,
            denied: BTreeSet::new(),
            now: "2027-01-01T00:00:00Z".parse().unwrap(),
        };
        Wire::new(Simulator::open(&options).unwrap(), setup).unwrap()
    }

    fn call_at(wire: &Wire, seconds: u64, target: &str, input: &Value) -> (u16, Value) {
        let request = Request {
            target: Some(target.to_owned()),
            body: input.to_string().into_bytes(),
            ..Request::default()
        };
        let reply = wire.answer(&request, Duration::from_secs(seconds)).reply;
        (
            reply.status,
            serde_json::from_str(&reply.body).unwrap_or(Value::Null),
        )
    }

    fn call(wire: &Wire, target: &str, input: &Value) -> Value {
        let (status, body) = call_at(wire, 0, target, input);
        assert_eq!(status, 200, "{target}: {body}");
        body
    }

    #[test]
    fn every_operation_offered_has_a_shape_and_every_shape_an_operation() {
        let shapes = Shapes::load().unwrap();
        for service in Service::ALL {
            let offered: Vec<&str> = table(service).iter().map(|(name, _)| *name).collect();
            let shaped: Vec<&str> = shapes.operations(service).collect();
            assert_eq!(offered, shaped, "{service:?}");
        }
    }

    /// An instance, a set and a group, and the arguments of an assignment of them.
    fn stage(wire: &Wire) -> Value {
        let instances = call(wire, "SWBExternalService.ListInstances", &json!({}));
        let instance = &instances["Instances"][0];
        let (arn, store) = (&instance["InstanceArn"], &instance["IdentityStoreId"]);
        let created = call(
            wire,
            "SWBExternalService.CreatePermissionSet",
            &json!({ "InstanceArn": arn, "Name": "admin" }),
        );
        let group = call(
            wire,
            "AWSIdentityStore.CreateGroup",
            &json!({ "IdentityStoreId": store, "DisplayName": "ops" }),
        );
        json!({
            "InstanceArn": arn, "PermissionSetArn": created["PermissionSet"]["PermissionSetArn"],
            "PrincipalType": "GROUP", "PrincipalId": group["GroupId"],
            "TargetType": "AWS_ACCOUNT", "TargetId": instance["OwnerAccountId"],
        })
    }

    #[test]
    fn with_the_real_clock_a_request_takes_its_time_and_with_the_fast_one_a_poll_finds_it_done() {
        for (clock, at_once) in [(Clock::Real, "IN_PROGRESS"), (Clock::Fast, "SUCCEEDED")] {
            let wire = wire(clock);
            let grant = stage(&wire);
            let created = call(&wire, "SWBExternalService.CreateAccountAssignment", &grant);
            let created = &created["AccountAssignmentCreationStatus"];
            assert_eq!(created["Status"], "IN_PROGRESS");
            let poll = json!({
                "InstanceArn": grant["InstanceArn"],
                "AccountAssignmentCreationRequestId": created["RequestId"],
            });
            let target = "SWBExternalService.DescribeAccountAssignmentCreationStatus";
            let status = |body: &Value| {
                body["AccountAssignmentCreationStatus"]["Status"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            };
            assert_eq!(status(&call(&wire, target, &poll)), at_once);
            let (_, later) = call_at(&wire, 60, target, &poll);
            assert_eq!(status(&later), "SUCCEEDED");
        }
    }

    #[test]
    fn the_real_clock_shows_the_walls_time() {
        let wire = wire(Clock::Real);
        let grant = stage(&wire);
        let created = call(&wire, "SWBExternalService.CreateAccountAssignment", &grant);
        let at = created["AccountAssignmentCreationStatus"]["CreatedDate"]
            .as_f64()
            .unwrap();
        assert!((at - 1_798_761_600.0).abs() < 1.0, "{at}");
    }

    #[test]
    fn errors_have_their_services_codes() {
        let wire = wire(Clock::Fast);
        let code = |target: &str, input: Value| {
            let (status, body) = call_at(&wire, 0, target, &input);
            (status, body["__type"].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(
            code(
                "AWSOrganizationsV20161128.DescribeAccount",
                json!({ "AccountId": "x" })
            ),
            (400, "InvalidInputException".to_owned())
        );
        assert_eq!(
            code("SWBExternalService.CreateApplication", json!({})),
            (400, "UnknownOperationException".to_owned())
        );
        assert_eq!(
            code("SWBExternalService.ListInstances", json!({ "MaxResults": "a" })),
            (400, "SerializationException".to_owned())
        );
        let request = Request {
            body: b"Action=GetRole&Version=2010-05-08&RoleName=none".to_vec(),
            ..Request::default()
        };
        let reply = wire.answer(&request, Duration::ZERO).reply;
        assert_eq!(reply.status, 404);
        assert!(reply.body.contains("<Code>NoSuchEntity</Code>"));
    }

    #[test]
    fn a_token_leads_on_only_in_the_list_it_came_from() {
        let wire = wire(Clock::Fast);
        let grant = stage(&wire);
        let arn = &grant["InstanceArn"];
        call(
            &wire,
            "SWBExternalService.CreatePermissionSet",
            &json!({ "InstanceArn": arn, "Name": "view" }),
        );
        let list = |token: Value, most: u32| {
            let input = json!({ "InstanceArn": arn, "MaxResults": most, "NextToken": token });
            call_at(&wire, 0, "SWBExternalService.ListPermissionSets", &input)
        };
        let (_, first) = list(Value::Null, 1);
        let (_, second) = list(first["NextToken"].clone(), 1);
        assert_ne!(first["PermissionSets"], second["PermissionSets"]);
        assert!(second.get("NextToken").is_none());
        let (status, body) = list("bm9uc2Vuc2U=".into(), 1);
        assert_eq!((status, &body["__type"]), (400, &"ValidationException".into()));
        let other = json!({ "InstanceArn": arn, "NextToken": first["NextToken"] });
        let (status, _) = call_at(&wire, 0, "SWBExternalService.ListRegions", &other);
        assert_eq!(status, 400, "a token of another list");
    }
}
