package access

// Grave are the methods that want a session confirmed within ConfirmedFor (decision 0010): what seals, erases, changes policies, rules,
// bodies, funds or roles, or manages who may sign in. Keys of machines are not asked: nobody is there to answer.
var Grave = map[string]bool{
	"ReviewPeriod": true, "SubmitCosignature": true, "PublishEdition": true,
	"RequestErasure": true, "ApproveErasure": true,
	"AdoptPolicy": true, "AdoptSpendingRule": true, "AdoptWitnessPolicy": true, "ChangeBody": true, "ChangeFund": true, "OpenFund": true,
	"GrantRole": true, "RevokeRole": true, "RotateLogKey": true, "RetireLogKey": true,
	"CreateOperator": true, "IssueKey": true, "RevokeKey": true,
	"InviteOperator": true, "SuspendOperator": true, "ReinstateOperator": true,
	"RemovePassword": true, "RemovePasskey": true, "UnlinkIdentity": true,
}
