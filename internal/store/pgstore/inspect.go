package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// A Look is what can be told of a database that is not opened as a store.
type Look struct {
	// Version of the server, as people write it, and Number as programs compare it:
	// 150004 is 15.4.
	Version string
	Number  int
	// Used: our tables are there.
	Used bool
	// Forgets: the server acknowledges what a crash may undo.
	Forgets bool
}

// MinVersion is the oldest server that is supported, as a Look.Number.
const MinVersion = 150000

// Inspect looks at a database over one connection, and changes nothing. The errors are
// those of Open, with what to do about them.
func Inspect(ctx context.Context, o Options) (l Look, err error) {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxConns == 0 {
		o.MaxConns = defaultMaxConns
	}
	config, err := o.config()
	if err != nil {
		return l, err
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return l, explain(err, config.ConnConfig)
	}
	defer func() { _ = conn.Close(ctx) }() // only read
	fail := func(err error) (Look, error) { return l, explain(err, config.ConnConfig) }
	var mayCreate, usable bool
	var fsync, synchronous string
	if err = conn.QueryRow(ctx, `
		SELECT current_setting('server_version'), current_setting('server_version_num')::int,
			current_setting('fsync'), current_setting('synchronous_commit'),
			to_regclass('onesgate_state') IS NOT NULL,
			coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)`).
		Scan(&l.Version, &l.Number, &fsync, &synchronous, &l.Used, &mayCreate); err != nil {
		return fail(err)
	}
	l.Forgets = fsync == "off" || synchronous == "off"
	switch {
	case !l.Used && !mayCreate:
		return fail(errTables)
	case !l.Used:
		return l, nil
	}
	if _, err = schema(ctx, conn); err != nil {
		return fail(err)
	}
	if err = conn.QueryRow(ctx, promises).Scan(&usable, &fsync, &synchronous); err != nil {
		return fail(err)
	}
	if !usable {
		return fail(errTables)
	}
	return l, nil
}
