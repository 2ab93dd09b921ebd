// Command mingzhang keeps the books of collectives: in a data directory of its own, or on a server that has one.
//
//	demo serve init                    begin: look at it, run it, make a data directory
//	operator found                     who signs in; a collective with its charter
//	apply close reverse                write: files of commands, a month closed, vouchers turned back
//	balance journal statement export   read, on any business day and as known at any time
//	import backup restore              books from an export; a data directory into a safe place and back
//	store                              copy a log between the embedded store and a cluster, look at one, check one
//	publish                            logs as static files that anybody can verify
//	watch                              every event of a server as it is stored
//	verify version                     check every byte against the signed heads; what runs here
//	verbs completion man               every method of the API as a command (verb.go); completion; manual pages
//
// Everything goes through the services of package rpc and their generated clients, also in a data directory, where no
// network lies between: there is one set of checks. What is read goes to stdout, everything said about it to stderr.
//
// A setting comes from its flag, else from its environment variable, else from its default; there is no configuration file.
//
// Exit codes: 0 done; 1 a rule refuses; 2 used wrongly; 3 the server or the storage cannot be reached or used; 4 the log or
// the books are not what they were. 74 ends a process whose last write may or may not be on disk.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// collectorPercent lets the heap grow to four times what is live before it is collected: a book is read a third faster, and
// a village's whole books are a few megabytes. GOGC, when set, decides instead.
const collectorPercent = 300

func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectorPercent)
	}
}

func main() { os.Exit(realMain()) }

func realMain() int {
	tuneCollector()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	return report(os.Stderr, languageOf(os.Args[1:]), err)
}
