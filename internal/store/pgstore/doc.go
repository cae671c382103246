// Package pgstore is the store engine for gateways that share their records: a
// PostgreSQL database, version 15 or later, on which any number of them run.
//
// It owns the tables whose names begin with onesgate_, and makes them when they
// are missing. A commit of one record is one statement; one of several is one
// transaction whose statements go out together. Every precondition is judged
// while its row is locked, also that of a record that isn't there, so commits
// behave as if they came one after the other at every isolation level. What has
// expired is judged by the gateway's clock and removed a day later.
//
// Announcements are written by the commit that makes them, without a position:
// a counter in there would make all announcing commits wait for one another's
// sync of the disk. Right behind it, or when somebody follows, all that are
// committed are numbered at once. LISTEN and NOTIFY only shorten the wait; where
// they can't be had, asking every store.FollowWait is enough.
//
// No session state is used, so it works behind PgBouncer in transaction mode:
// from version 1.21 as it is, before that with default_query_exec_mode=exec in
// the URL, and with ignore_startup_parameters=statement_timeout,
// idle_in_transaction_session_timeout in PgBouncer's settings.
//
// The SQL is meant to suit Citus, CockroachDB and YugabyteDB too, but was never
// run there. YugabyteDB would have to be told not to cache sequences, because
// versions and announcements follow the order of onesgate_version.
//
// What a commit has acknowledged survives a crash of the database. That it
// survives the loss of the machine takes a synchronous standby; without one, a
// failover may also undo announcements, and gateways that have heard of them miss
// those that take their positions:
// https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION
package pgstore
