//! Ways from some rights to more of them, as data, of 2026-11-29.
//!
//! Where they are from: `Rhino` is Rhino Security Labs, "AWS IAM Privilege Escalation – Methods and Mitigation", its
//! second part and "Escalating AWS IAM Privileges with an Undocumented CodeStar API", as listed in their repository
//! AWS-IAM-Privilege-Escalation; a name like `lambda-003` is a path of pathfinding.cloud (Datadog, as of 2025-12-17,
//! some of those that came later besides); `SAR` is AWS's Service Authorization Reference of 2026-09-26, by which an
//! action takes a role for what it makes or runs, changes what runs or runs commands where there is one, makes
//! credentials of others, takes a limit of theirs away, or writes whom an identity provider, a directory or an
//! organization trusts. `StackSets` is the CloudFormation user guide, "Activate trusted access for stack sets with AWS
//! Organizations": service-managed stack sets write into every account without a role of the caller's choice. `AssumeRoot`
//! is the STS API reference: from the management account, or IAM's delegated administrator, it makes a session of the root
//! user in a member account, for one task of five, of which one gives that user a password again. A test
//! beside the list of actions looks every one of these up.

/// One way.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// The action that reaches others' rights, then what it takes besides, on any resource.
    pub actions: &'static [&'static str],
    /// What the first one must reach: forms of ARNs from the service on, up to the name.
    pub on: &'static [&'static str],
    /// Who says so.
    pub source: &'static str,
}

/// Roles.
pub const ROLES: &[&str] = &["iam::#:role/"];
const USERS: &[&str] = &["iam::#:user/"];
const ROOT_USERS: &[&str] = &["iam::#:root"];
const GROUPS: &[&str] = &["iam::#:group/"];
const POLICIES: &[&str] = &["iam::#:policy/"];
const PROVIDERS: &[&str] = &["iam::#:saml-provider/", "iam::#:oidc-provider/"];
const INSTANCES: &[&str] = &["ec2:%:#:instance/", "ssm:%:#:managed-instance/"];
const FUNCTIONS: &[&str] = &["lambda:%:#:function:"];
const STACKS: &[&str] = &["cloudformation:%:#:stack/"];
const STACK_SETS: &[&str] = &["cloudformation:%:#:stackset/"];
const PROJECTS: &[&str] = &["codebuild:%:#:project/"];
const NOTEBOOKS: &[&str] = &["sagemaker:%:#:notebook-instance/"];
const SSO: &[&str] = &["sso:::instance/", "sso:::permissionSet/", "sso:::account/"];
const DIRECTORY: &[&str] = &["sso-directory:%:%:"];
const STORE: &[&str] = &[
    "identitystore::#:identitystore/",
    "identitystore:::group/",
    "identitystore:::user/",
    "identitystore:::membership/",
];
const ORGANIZATION: &[&str] = &[
    "organizations::#:account/",
    "organizations::#:ou/",
    "organizations::#:policy/",
    "organizations::#:root/",
];

const fn way(actions: &'static [&'static str], on: &'static [&'static str], source: &'static str) -> Way {
    Way { actions, on, source }
}

const fn pass(actions: &'static [&'static str], source: &'static str) -> Way {
    way(actions, ROLES, source)
}

/// All of them: identities first, then roles that are passed, then what runs under a role already.
pub const WAYS: &[Way] = &[
    way(&["iam:AddUserToGroup"], GROUPS, "Rhino, iam-013"),
    way(&["iam:AttachGroupPolicy"], GROUPS, "Rhino, iam-010"),
    way(&["iam:AttachRolePolicy"], ROLES, "Rhino, iam-009"),
    way(&["iam:AttachUserPolicy"], USERS, "Rhino, iam-008"),
    way(&["iam:CreateAccessKey"], USERS, "Rhino, iam-002"),
    way(&["iam:CreateLoginProfile"], USERS, "Rhino, iam-004"),
    way(&["iam:CreatePolicyVersion"], POLICIES, "Rhino, iam-001"),
    way(&["iam:PutGroupPolicy"], GROUPS, "Rhino, iam-011"),
    way(&["iam:PutRolePolicy"], ROLES, "Rhino, iam-005"),
    way(&["iam:PutUserPolicy"], USERS, "Rhino, iam-007"),
    way(&["iam:SetDefaultPolicyVersion"], POLICIES, "Rhino"),
    way(&["iam:UpdateAssumeRolePolicy"], ROLES, "Rhino, iam-012"),
    way(&["iam:UpdateLoginProfile"], USERS, "Rhino, iam-006"),
    way(&["iam:CreateServiceSpecificCredential"], USERS, "SAR"),
    way(&["iam:ResetServiceSpecificCredential"], USERS, "SAR"),
    way(&["iam:DeleteRolePermissionsBoundary"], ROLES, "SAR"),
    way(&["iam:DeleteUserPermissionsBoundary"], USERS, "SAR"),
    way(&["iam:CreateOpenIDConnectProvider"], PROVIDERS, "SAR"),
    way(&["iam:AddClientIDToOpenIDConnectProvider"], PROVIDERS, "SAR"),
    way(&["iam:UpdateOpenIDConnectProviderThumbprint"], PROVIDERS, "SAR"),
    way(&["iam:UpdateSAMLProvider"], PROVIDERS, "SAR"),
    way(
        &["rolesanywhere:UpdateTrustAnchor"],
        &["rolesanywhere:%:#:trust-anchor/"],
        "SAR",
    ),
    way(&["sts:AssumeRole"], ROLES, "sts-001"),
    way(&["sts:AssumeRoot"], ROOT_USERS, "AssumeRoot"),
    way(
        &["sso:AttachCustomerManagedPolicyReferenceToPermissionSet"],
        SSO,
        "SAR",
    ),
    way(&["sso:AttachManagedPolicyToPermissionSet"], SSO, "SAR"),
    way(&["sso:CreateAccountAssignment"], SSO, "SAR"),
    way(&["sso:DeletePermissionsBoundaryFromPermissionSet"], SSO, "SAR"),
    way(&["sso:PutInlinePolicyToPermissionSet"], SSO, "SAR"),
    way(&["sso-directory:AddMemberToGroup"], DIRECTORY, "SAR"),
    way(&["sso-directory:UpdatePassword"], DIRECTORY, "SAR"),
    way(&["sso-directory:ImportExternalIdPCertificate"], DIRECTORY, "SAR"),
    way(
        &["sso-directory:UpdateExternalIdPConfigurationForDirectory"],
        DIRECTORY,
        "SAR",
    ),
    way(&["identitystore:CreateGroupMembership"], STORE, "SAR"),
    way(&["organizations:DetachPolicy"], ORGANIZATION, "SAR"),
    way(&["organizations:DisablePolicyType"], ORGANIZATION, "SAR"),
    way(&["organizations:MoveAccount"], ORGANIZATION, "SAR"),
    way(
        &["organizations:RegisterDelegatedAdministrator"],
        ORGANIZATION,
        "SAR",
    ),
    way(&["organizations:UpdatePolicy"], ORGANIZATION, "SAR"),
    way(
        &["eks:CreateAccessEntry", "eks:AssociateAccessPolicy"],
        &["eks:%:#:cluster/"],
        "SAR",
    ),
    pass(&["iam:PassRole", "ec2:RunInstances"], "Rhino, ec2-001"),
    pass(&["iam:PassRole", "lambda:CreateFunction"], "Rhino, lambda-001"),
    pass(
        &["iam:PassRole", "cloudformation:CreateStack"],
        "Rhino, cloudformation-001",
    ),
    pass(
        &["iam:PassRole", "cloudformation:CreateStackSet"],
        "cloudformation-003",
    ),
    pass(
        &["iam:PassRole", "cloudformation:UpdateStackSet"],
        "cloudformation-004",
    ),
    pass(
        &[
            "iam:PassRole",
            "cloudformation:CreateChangeSet",
            "cloudformation:ExecuteChangeSet",
        ],
        "SAR",
    ),
    pass(&["iam:PassRole", "ecs:RegisterTaskDefinition"], "ecs-004"),
    pass(&["iam:PassRole", "ecs:RunTask"], "ecs-004"),
    pass(&["iam:PassRole", "ecs:StartTask"], "ecs-005"),
    pass(&["iam:PassRole", "codebuild:CreateProject"], "codebuild-001"),
    pass(&["iam:PassRole", "codebuild:UpdateProject"], "SAR"),
    pass(&["iam:PassRole", "codepipeline:CreatePipeline"], "SAR"),
    pass(&["iam:PassRole", "codepipeline:UpdatePipeline"], "SAR"),
    pass(&["iam:PassRole", "codedeploy:CreateDeploymentGroup"], "SAR"),
    pass(&["iam:PassRole", "codestar:CreateProject"], "Rhino"),
    pass(&["iam:PassRole", "glue:CreateDevEndpoint"], "Rhino, glue-001"),
    pass(&["iam:PassRole", "glue:CreateJob"], "glue-003"),
    pass(&["iam:PassRole", "glue:UpdateJob"], "glue-005"),
    pass(&["iam:PassRole", "glue:CreateSession"], "SAR"),
    pass(
        &["iam:PassRole", "sagemaker:CreateNotebookInstance"],
        "Rhino, sagemaker-001",
    ),
    pass(&["iam:PassRole", "sagemaker:CreateTrainingJob"], "sagemaker-002"),
    pass(
        &["iam:PassRole", "sagemaker:CreateProcessingJob"],
        "sagemaker-003",
    ),
    pass(&["iam:PassRole", "sagemaker:CreateDomain"], "SAR"),
    pass(
        &["iam:PassRole", "sagemaker:CreateHyperParameterTuningJob"],
        "SAR",
    ),
    pass(&["iam:PassRole", "sagemaker:CreateModel"], "SAR"),
    pass(&["iam:PassRole", "sagemaker:CreatePipeline"], "SAR"),
    pass(&["iam:PassRole", "sagemaker:CreateUserProfile"], "SAR"),
    pass(
        &["iam:PassRole", "datapipeline:CreatePipeline"],
        "Rhino, datapipeline-001",
    ),
    pass(&["iam:PassRole", "datapipeline:PutPipelineDefinition"], "SAR"),
    pass(&["iam:PassRole", "states:CreateStateMachine"], "SAR"),
    pass(&["iam:PassRole", "states:TestState"], "SAR"),
    pass(&["iam:PassRole", "states:UpdateStateMachine"], "SAR"),
    pass(&["iam:PassRole", "scheduler:CreateSchedule"], "SAR"),
    pass(&["iam:PassRole", "scheduler:UpdateSchedule"], "SAR"),
    pass(&["iam:PassRole", "events:PutTargets"], "SAR"),
    pass(&["iam:PassRole", "pipes:CreatePipe"], "SAR"),
    pass(&["iam:PassRole", "pipes:UpdatePipe"], "SAR"),
    pass(&["iam:PassRole", "ssm:StartAutomationExecution"], "SAR"),
    pass(&["iam:PassRole", "ssm:CreateAssociation"], "SAR"),
    pass(&["iam:PassRole", "ssm:UpdateAssociation"], "SAR"),
    pass(&["iam:PassRole", "ssm:RegisterTaskWithMaintenanceWindow"], "SAR"),
    pass(
        &["iam:PassRole", "batch:RegisterJobDefinition", "batch:SubmitJob"],
        "SAR",
    ),
    pass(&["iam:PassRole", "apprunner:CreateService"], "apprunner-001"),
    pass(&["iam:PassRole", "bedrock-agentcore:CreateAgentRuntime"], "SAR"),
    pass(&["iam:PassRole", "bedrock-agentcore:UpdateAgentRuntime"], "SAR"),
    pass(
        &["iam:PassRole", "bedrock-agentcore:CreateCodeInterpreter"],
        "bedrock-001",
    ),
    pass(&["iam:PassRole", "bedrock-agentcore:CreateBrowser"], "SAR"),
    pass(&["iam:PassRole", "bedrock-agentcore:CreateHarness"], "SAR"),
    pass(&["iam:PassRole", "braket:CreateJob"], "SAR"),
    pass(&["iam:PassRole", "elasticmapreduce:RunJobFlow"], "SAR"),
    pass(&["iam:PassRole", "emr-serverless:StartJobRun"], "SAR"),
    pass(&["iam:PassRole", "amplify:CreateApp"], "SAR"),
    pass(&["iam:PassRole", "amplify:UpdateApp"], "SAR"),
    pass(&["iam:PassRole", "ec2:RequestSpotInstances"], "ec2-003"),
    pass(&["iam:PassRole", "ec2:RequestSpotFleet"], "SAR"),
    pass(&["iam:PassRole", "ec2:CreateFleet"], "SAR"),
    pass(&["iam:PassRole", "ec2:CreateLaunchTemplate"], "SAR"),
    pass(&["iam:PassRole", "ec2:CreateLaunchTemplateVersion"], "SAR"),
    pass(&["iam:PassRole", "ec2:AssociateIamInstanceProfile"], "SAR"),
    pass(
        &["iam:PassRole", "ec2:ReplaceIamInstanceProfileAssociation"],
        "SAR",
    ),
    pass(&["iam:PassRole", "autoscaling:CreateLaunchConfiguration"], "SAR"),
    pass(&["iam:PassRole", "autoscaling:CreateAutoScalingGroup"], "SAR"),
    pass(&["iam:PassRole", "autoscaling:UpdateAutoScalingGroup"], "SAR"),
    pass(&["iam:PassRole", "iot:CreateTopicRule"], "SAR"),
    pass(&["iam:PassRole", "iot:ReplaceTopicRule"], "SAR"),
    pass(&["iam:PassRole", "iot:CreateRoleAlias"], "SAR"),
    pass(&["iam:PassRole", "iot:UpdateRoleAlias"], "SAR"),
    pass(&["iam:PassRole", "airflow:CreateEnvironment"], "SAR"),
    pass(&["iam:PassRole", "airflow:UpdateEnvironment"], "SAR"),
    pass(&["iam:PassRole", "cognito-identity:SetIdentityPoolRoles"], "SAR"),
    pass(&["iam:PassRole", "gamelift:CreateFleet"], "SAR"),
    pass(
        &["iam:PassRole", "imagebuilder:CreateInfrastructureConfiguration"],
        "SAR",
    ),
    pass(&["iam:PassRole", "kinesisanalytics:CreateApplication"], "SAR"),
    pass(&["iam:PassRole", "omics:StartRun"], "SAR"),
    pass(&["iam:PassRole", "elasticbeanstalk:CreateEnvironment"], "SAR"),
    pass(&["iam:PassRole", "elasticbeanstalk:UpdateEnvironment"], "SAR"),
    pass(&["iam:PassRole", "opsworks:CreateStack"], "SAR"),
    pass(&["iam:PassRole", "eks:CreateNodegroup"], "SAR"),
    pass(&["iam:PassRole", "eks:CreatePodIdentityAssociation"], "SAR"),
    pass(&["iam:PassRole", "synthetics:CreateCanary"], "SAR"),
    pass(&["iam:PassRole", "synthetics:UpdateCanary"], "SAR"),
    pass(&["iam:PassRole", "rolesanywhere:CreateProfile"], "SAR"),
    pass(&["iam:PassRole", "appstream:CreateImageBuilder"], "SAR"),
    pass(&["iam:PassRole", "fis:CreateExperimentTemplate"], "SAR"),
    way(&["lambda:UpdateFunctionCode"], FUNCTIONS, "Rhino, lambda-003"),
    way(&["lambda:UpdateFunctionConfiguration"], FUNCTIONS, "Rhino"),
    way(
        &["states:UpdateStateMachine"],
        &["states:%:#:stateMachine:"],
        "SAR",
    ),
    way(&["ssm:SendCommand"], INSTANCES, "ssm-002"),
    way(&["ssm:CreateAssociation"], INSTANCES, "SAR"),
    way(&["ssm:UpdateAssociation"], &["ssm:%:#:association/"], "SAR"),
    way(
        &["ssm:RegisterTaskWithMaintenanceWindow"],
        &["ssm:%:#:maintenancewindow/"],
        "SAR",
    ),
    way(&["ssm:StartSession"], INSTANCES, "ssm-001"),
    way(
        &["ecs:ExecuteCommand"],
        &["ecs:%:#:cluster/", "ecs:%:#:task/"],
        "SAR",
    ),
    way(
        &["ec2-instance-connect:SendSSHPublicKey"],
        INSTANCES,
        "ec2instanceconnect-003",
    ),
    way(
        &["ec2-instance-connect:SendSerialConsoleSSHPublicKey"],
        INSTANCES,
        "SAR",
    ),
    way(
        &["ec2:ModifyInstanceAttribute", "ec2:StartInstances"],
        INSTANCES,
        "ec2-002",
    ),
    way(
        &["ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"],
        &["ec2:%:#:launch-template/"],
        "ec2-004",
    ),
    way(
        &["glue:UpdateDevEndpoint"],
        &["glue:%:#:devEndpoint/"],
        "Rhino, glue-002",
    ),
    way(&["glue:RunStatement"], &["glue:%:#:session/"], "SAR"),
    way(&["codebuild:StartBuild"], PROJECTS, "codebuild-002"),
    way(&["codebuild:StartBuildBatch"], PROJECTS, "codebuild-003"),
    way(&["codebuild:UpdateProject"], PROJECTS, "SAR"),
    way(
        &["codebuild:StartSandbox", "codebuild:StartCommandExecution"],
        PROJECTS,
        "SAR",
    ),
    way(
        &[
            "elasticbeanstalk:UpdateEnvironment",
            "elasticbeanstalk:CreateApplicationVersion",
        ],
        &["elasticbeanstalk:%:#:environment/"],
        "SAR",
    ),
    way(&["cloudformation:UpdateStack"], STACKS, "cloudformation-002"),
    way(
        &[
            "cloudformation:CreateStackInstances",
            "cloudformation:CreateStackSet",
        ],
        STACK_SETS,
        "StackSets",
    ),
    way(&["cloudformation:UpdateStackSet"], STACK_SETS, "StackSets"),
    way(
        &[
            "cloudformation:CreateChangeSet",
            "cloudformation:ExecuteChangeSet",
        ],
        STACKS,
        "cloudformation-005",
    ),
    way(
        &["apprunner:UpdateService"],
        &["apprunner:%:#:service/"],
        "apprunner-002",
    ),
    way(
        &[
            "bedrock-agentcore:InvokeCodeInterpreter",
            "bedrock-agentcore:StartCodeInterpreterSession",
        ],
        &[
            "bedrock-agentcore:%:%:code-interpreter/",
            "bedrock-agentcore:%:#:code-interpreter-custom/",
        ],
        "bedrock-002",
    ),
    way(
        &["sagemaker:CreatePresignedNotebookInstanceUrl"],
        NOTEBOOKS,
        "Rhino, sagemaker-004",
    ),
    way(
        &[
            "sagemaker:UpdateNotebookInstance",
            "sagemaker:CreateNotebookInstanceLifecycleConfig",
        ],
        NOTEBOOKS,
        "sagemaker-005",
    ),
    way(
        &["bedrock-agentcore:InvokeAgentRuntimeCommand"],
        &["bedrock-agentcore:%:#:runtime/"],
        "SAR",
    ),
    way(
        &["sagemaker:UpdateNotebookInstanceLifecycleConfig"],
        &["sagemaker:%:#:notebook-instance-lifecycle-config/"],
        "SAR",
    ),
    way(
        &["sagemaker:CreatePresignedDomainUrl"],
        &["sagemaker:%:#:user-profile/"],
        "SAR",
    ),
    way(
        &["elasticmapreduce:AddJobFlowSteps"],
        &["elasticmapreduce:%:#:cluster/"],
        "SAR",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_is_there_twice_and_each_has_a_source_and_a_resource() {
        let mut all: Vec<_> = WAYS.iter().map(|way| way.actions).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), WAYS.len());
        for way in WAYS {
            assert!(!way.on.is_empty() && !way.source.is_empty(), "{:?}", way.actions);
        }
    }
}
