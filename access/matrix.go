package access

import (
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// ServerAdmin is how refusals and docs name the admin flag of an operator, which is no role in any collective.
const ServerAdmin = "server-admin"

// Callers says who may call a method. Exactly one of the first four is set, PublicLog apart.
type Callers struct {
	Public   bool           // everybody, without a key
	Operator bool           // everybody with a key; what is called through it is judged by itself
	Admin    bool           // operators with the admin flag
	Roles    []eventv1.Role // holders of one of these roles in the collective
	// PublicLog opens the method to everybody when the collective's charter says public_log full.
	PublicLog bool
}

// The readers of the books: everybody who answers for them or checks them. The cashier needs the requests to settle and the
// vouchers they became, and nothing else. Board operators and admins read what is public.
var (
	readers  = []eventv1.Role{eventv1.Role_ROLE_TREASURER, eventv1.Role_ROLE_APPROVER, eventv1.Role_ROLE_SUPERVISOR, eventv1.Role_ROLE_AUDITOR}
	settlers = append(readers[:len(readers):len(readers)], eventv1.Role_ROLE_CASHIER)
	judges   = []eventv1.Role{eventv1.Role_ROLE_APPROVER, eventv1.Role_ROLE_SUPERVISOR, eventv1.Role_ROLE_AUDITOR}
	checkers = []eventv1.Role{eventv1.Role_ROLE_SUPERVISOR, eventv1.Role_ROLE_AUDITOR}
	copiers  = append(checkers[:len(checkers):len(checkers)], eventv1.Role_ROLE_TREASURER)

	overseers = append(readers[:len(readers):len(readers)], eventv1.Role_ROLE_ADMIN) // of roles, which an admin grants
)

// Matrix says who may call every method that is no command on books, by the method's name. Commands on books are in
// ledger.Matrix; only FoundCollective stands here too, because there is no collective yet whose roles could count. A method
// in neither table is refused to everybody, and a test fails.
var Matrix = map[string]Callers{
	"ListCollectives":         {Public: true},
	"GetCollective":           {Public: true},
	"GetFundStatement":        {Public: true},
	"GetBoard":                {Public: true},
	"ListPeriods":             {Public: true},
	"GetLine":                 {Public: true},
	"ListRounds":              {Public: true},
	"ListPolicies":            {Public: true},
	"ListTrueUps":             {Public: true},
	"GetSpendingRule":         {Public: true},
	"ListResolutions":         {Public: true},
	"ListReceiptsAndPayments": {Public: true},
	"GetVersion":              {Public: true},
	"ListFlags":               {Public: true},
	"ListGifts":               {Public: true},
	"ListPeriodReviews":       {Public: true},
	"ListEditions":            {Public: true},
	"GetEdition":              {Public: true},
	"ListSeals":               {Public: true},
	"GetSeal":                 {Public: true},
	"GetWitnessPolicy":        {Public: true},
	"ListForks":               {Public: true},
	"SubmitCosignature":       {Public: true}, // a signature proves itself
	"ReportFork":              {Public: true},

	"ListVouchers":     {Roles: readers},
	"GetVoucher":       {Roles: settlers},
	"GetBalances":      {Roles: readers},
	"GetTrialBalance":  {Roles: readers},
	"ListRequests":     {Roles: settlers},
	"ListGrantRounds":  {Roles: readers},
	"ListDividends":    {Roles: readers},
	"ListEntitlements": {Roles: readers},
	"ListHolds":        {Roles: readers},
	"ListShares":       {Roles: readers},
	"CompareOpening":   {Roles: readers},
	"Explain":          {Roles: copiers},
	"ListChanges":      {Roles: readers},
	"ListEvents":       {Roles: readers},
	"ListAnomalies":    {Roles: judges}, // of what others recorded
	"ListTasks":        {Roles: settlers},
	"ListRoles":        {Roles: overseers},
	"GetHead":          {Roles: checkers, PublicLog: true},
	"ProveInclusion":   {Roles: checkers, PublicLog: true},
	"ProveConsistency": {Roles: checkers, PublicLog: true},
	"GetTile":          {Roles: checkers, PublicLog: true},
	"WatchHeads":       {Public: true}, // a signed head says nothing of the books
	"VerifyLog":        {Roles: checkers, PublicLog: true},
	"ReadLog":          {Roles: copiers, PublicLog: true},
	"Watch":            {Roles: copiers, PublicLog: true},

	"ListGiftAgreements": {Roles: readers},
	"ProveLine":          {Roles: copiers}, // who hands the slip to its payee
	"Upload":             {Roles: []eventv1.Role{eventv1.Role_ROLE_TREASURER}},
	"Download":           {Roles: readers},
	"ListGarbage":        {Roles: readers},

	"ListInquiries": {Public: true},
	"ReadInquiry":   {Roles: []eventv1.Role{eventv1.Role_ROLE_SUPERVISOR}},

	"ListPersonalData":  {Roles: settlers},
	"OpenPersonalField": {Roles: copiers},
	"ListErasures":      {Roles: readers},

	"FoundCollective": {Admin: true},
	"CreateOperator":  {Admin: true},
	"IssueKey":        {Admin: true},
	"RevokeKey":       {Admin: true},
	"ListOperators":   {Admin: true},
	"ListAccessFacts": {Admin: true},
	"RetireLogKey":    {Admin: true},

	"InviteOperator":    {Admin: true},
	"SuspendOperator":   {Admin: true},
	"ReinstateOperator": {Admin: true},

	"GetSignInWays":        {Public: true},
	"SignIn":               {Public: true}, // who gives a right password, passkey or secret is let in by it
	"BeginPasskeySignIn":   {Public: true},
	"FinishPasskeySignIn":  {Public: true},
	"BeginIdentitySignIn":  {Public: true},
	"FinishIdentitySignIn": {Public: true},
	"OpenInvitation":       {Public: true},
	"AcceptInvitation":     {Public: true},

	"BeginPasskeyRegistration":  {Public: true}, // by an invitation, else by a session
	"FinishPasskeyRegistration": {Public: true},

	"WhoAmI":               {Operator: true},
	"SignOut":              {Operator: true},
	"Confirm":              {Operator: true},
	"BeginPasskeyConfirm":  {Operator: true},
	"FinishPasskeyConfirm": {Operator: true},
	"SetPassword":          {Operator: true},
	"RemovePassword":       {Operator: true},
	"ListMyCredentials":    {Operator: true},
	"RemovePasskey":        {Operator: true},
	"UnlinkIdentity":       {Operator: true},
	"ListSessions":         {Operator: true}, // one's own; an admin, anybody's
	"EndSession":           {Operator: true},
	"EndSessions":          {Operator: true},

	"Apply":        {Operator: true},
	"Preview":      {Operator: true},
	"PreviewApply": {Operator: true},
}
