package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	connectTimeout  = 5 * time.Second // if the URL says nothing else
	connLifetime    = 30 * time.Minute
	connIdleTime    = 5 * time.Minute
	applicationName = "onesgate"
	unreplicated    = "onesgate: no standby" // in a connection's data: what the server says of that
)

// config returns how to connect. Errors are ErrURL and never hold a password.
//
// Without an sslmode in the URL, another machine is spoken to only by TLS, with
// its certificate verified.
func (o Options) config() (*pgxpool.Config, error) {
	if !strings.HasPrefix(o.URL, "postgres://") && !strings.HasPrefix(o.URL, "postgresql://") {
		return nil, fmt.Errorf("%w, which %q does not begin like", ErrURL, scheme(o.URL))
	}
	c, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("%w%s", ErrURL, cause(o.URL))
	}
	base, query, _ := strings.Cut(o.URL, "?")
	if values, err := url.ParseQuery(query); err != nil {
		return nil, fmt.Errorf("%w; what comes after ? is not well-formed", ErrURL)
	} else if values.Get("sslmode") == "" && remote(&c.ConnConfig.Config) {
		values.Del("ssl") // of JDBC; pgx takes ssl=true for TLS with anybody
		values.Set("sslmode", "verify-full")
		if c, err = pgxpool.ParseConfig(base + "?" + values.Encode()); err != nil {
			return nil, fmt.Errorf("%w%s", ErrURL, cause(o.URL))
		}
	}

	if strings.Contains(c.ConnConfig.Host, "@") {
		return nil, fmt.Errorf("%w; user or password hold an @: write %%40 for it", ErrURL)
	}
	c.MaxConns = int32(o.MaxConns)
	c.MaxConnLifetime, c.MaxConnLifetimeJitter = connLifetime, connLifetime/5
	c.MaxConnIdleTime = connIdleTime
	if !strings.Contains(query, "connect_timeout=") {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	c.ConnConfig.ValidateConnect = takesWrites
	c.ConnConfig.OnNotice = func(conn *pgconn.PgConn, n *pgconn.Notice) {
		if n.File == "syncrep.c" {
			conn.CustomData()[unreplicated] = n.Message
		}
	}
	milliseconds := strconv.FormatInt(o.Timeout.Milliseconds(), 10)
	for name, value := range map[string]string{
		"application_name":                    applicationName,
		"statement_timeout":                   milliseconds,
		"idle_in_transaction_session_timeout": milliseconds,
	} {
		if _, given := c.ConnConfig.RuntimeParams[name]; !given {
			c.ConnConfig.RuntimeParams[name] = value
		}
	}
	return c, nil
}

// takesWrites refuses a server that takes no writes, such as a standby, so that
// another host of the URL is tried. It is target_session_attrs=read-write with an
// error of ours.
func takesWrites(ctx context.Context, conn *pgconn.PgConn) error {
	results, err := conn.Exec(ctx, "SHOW transaction_read_only").ReadAll()
	if err != nil {
		return err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || string(results[0].Rows[0][0]) != "off" {
		return ErrReadOnly
	}
	return nil
}

// remote reports whether a host of c is another machine.
func remote(c *pgconn.Config) bool {
	if elsewhere(c.Host, c.Port) {
		return true
	}
	for _, f := range c.Fallbacks {
		if elsewhere(f.Host, f.Port) {
			return true
		}
	}
	return false
}

func elsewhere(host string, port uint16) bool {
	if network, _ := pgconn.NetworkAddress(host, port); network == "unix" || host == "localhost" {
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}

// scheme returns the beginning of a URL, as far as it can't be a secret.
func scheme(s string) string {
	before, _, found := strings.Cut(s, "://")
	if !found || strings.ContainsFunc(before, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return ""
	}
	return before + "://"
}

// cause says what is wrong with a URL that can't be parsed, if that is outside of
// its login: what the parser says of a login may quote the password.
func cause(s string) string {
	_, rest, _ := strings.Cut(s, "://")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = rest[at+1:]
	} else if host, _, _ := strings.Cut(rest, "/"); strings.Contains(host, ":") {
		return "; there is no @ between the login and the host, or the port is no number"
	}
	if strings.Contains(rest, "pass") || strings.Contains(rest, "%") {
		return ""
	}
	_, err := pgxpool.ParseConfig("postgres://" + rest)
	var parse *pgconn.ParseConfigError
	switch {
	case err == nil:
		return "; user or password hold a character that has to be escaped (@ is %40, / is %2F, % is %25)"
	case errors.As(err, &parse):
		return ": " + err.Error()
	}
	return ""
}
