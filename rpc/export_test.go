package rpc

import (
	"maps"
	"slices"
	"time"
)

// LimitWatches sets the limits of watches, before there are any.
func (s *Server) LimitWatches(heartbeat, patience time.Duration, all, each int) {
	s.watching = watchLimits{heartbeat, patience, all, each}
}

// RefusalMessage is the refusal as the API sends it.
var RefusalMessage = message

// ProblemRules are the rules of the schema that problem has words for.
func ProblemRules() []string { return slices.Sorted(maps.Keys(problems)) }

// AppendReceipt writes a receipt as JSON.
var AppendReceipt = appendReceipt

// TimeoutOf is how long a call of a method may take.
func TimeoutOf(name string) time.Duration {
	for _, m := range methods() {
		if m.name == name {
			return m.timeout
		}
	}
	return 0
}

// PublicRound shows a round to everybody.
var PublicRound = publicRound

// SummaryOf, AnomalyOf and AnomalyRuleWords are the sentences of events, of anomalies and of their rules.
var (
	SummaryOf        = summaryOf
	AnomalyOf        = anomalyOf
	AnomalyRuleWords = anomalyRules
)

// TaskWords are the sentences of all kinds of tasks, those of carrying out a request by their command.
func TaskWords() map[string][2]string {
	all := maps.Clone(taskWords)
	maps.Copy(all, settleWords)
	return all
}
