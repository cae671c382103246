package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"filippo.io/age"
	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/backup"
	"github.com/onesgate/onesgate/internal/offboard"
	"github.com/onesgate/onesgate/internal/status"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/trail"
)

func init() {
	caddy.RegisterModule(AdminAPI{})
}

// AdminAPI is the part of Caddy's admin API that the commands `ones …` talk to:
// what the gateway in this process is and has, and care of its store. It needs
// no configuration. Who may ask is decided by Caddy's own rules for the admin
// API, so give that a unix socket, or leave it on its loopback address.
//
// | call | does |
// |---|---|
// | `GET /ones/status` | tells how the gateway stands |
// | `GET /ones/ready` | says whether it is ready to serve, as `/.ones/readyz` does |
// | `POST /ones/doctor` | checks what only the running gateway can, and with `live` all that it works by |
// | `POST /ones/backup` | streams an encrypted backup of the store |
// | `POST /ones/sessions` | lists the sessions of browsers, of the person that the body names or of all |
// | `POST /ones/sessions/revoke` | ends one session, or all of a person |
// | `GET /ones/diagnostics` | tells the last lines of this gateway's log, and what its goroutines are at |
// | `GET /ones/keys` | tells which keys seal and open, here and at the other gateways |
// | `GET /ones/keys/records` | counts the records that each key has sealed |
// | `POST /ones/keys/rewrap` | seals with the primary key what isn't yet |
// | `GET /ones/rooms` | tells with which account each room is connected |
// | `POST /ones/rooms/disconnect` | forgets the account of the room that the body names |
// | `POST /ones/users` | lists people: those of the `integration`, in the `state`, with the `search` that the body names, after a `cursor`, up to a `limit` |
// | `POST /ones/users/show` | tells of the user that the body names |
// | `POST /ones/users/disconnect` | forgets the connection of the user that the body names |
// | `POST /ones/users/erase` | removes all that is kept of the user that the body names |
// | `POST /ones/users/merge` | makes the bookings of the user that the body names those of the one `into` whom they are merged, and removes the rest; `force` has it done though they may be two people |
// | `POST /ones/bookings` | lists bookings: those of the `integration`, `room`, `user`, in the `state`, `from` and `to` a time, that the body names, after a `cursor`, up to a `limit` |
// | `POST /ones/bookings/show` | tells how the `booking` that the body names stands, and what was done for it |
// | `POST /ones/bookings/retry` | has the `booking` that the body names carried on now |
// | `POST /ones/bookings/cancel` | cancels the `booking` that the body names, with its `comment` to the attendees |
//
// Who is looked for stands in bodies, and in no error: Caddy logs addresses and errors.
type AdminAPI struct{}

// CaddyModule returns the Caddy module information.
func (AdminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.ones",
		New: func() caddy.Module { return new(AdminAPI) },
	}
}

// Routes returns the calls.
func (AdminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		adminRoute(http.MethodGet, statusPath, serveStatus),
		adminRoute(http.MethodGet, readyPath, serveReady),
		adminRoute(http.MethodPost, doctorPath, serveDoctor),
		adminRoute(http.MethodPost, backupPath, serveBackup),
		adminRoute(http.MethodPost, sessionsPath, serveSessions),
		adminRoute(http.MethodPost, revokePath, serveRevoke),
		adminRoute(http.MethodGet, diagnosticsPath, serveDiagnostics),
		adminRoute(http.MethodGet, keysPath, serveKeys),
		adminRoute(http.MethodGet, recordsPath, serveSealedRecords),
		adminRoute(http.MethodPost, rewrapPath, serveRewrap),
		adminRoute(http.MethodGet, roomsPath, serveRooms),
		adminRoute(http.MethodPost, roomDisconnectPath, serveRoomDisconnect),
		adminRoute(http.MethodPost, usersPath, serveUsers),
		adminRoute(http.MethodPost, userShowPath, serveUser),
		adminRoute(http.MethodPost, userDisconnectPath, serveUserDisconnect),
		adminRoute(http.MethodPost, userErasePath, serveUserErase),
		adminRoute(http.MethodPost, userMergePath, serveUserMerge),
		adminRoute(http.MethodPost, bookingsPath, serveBookings),
		adminRoute(http.MethodPost, bookingShowPath, serveBooking),
		adminRoute(http.MethodPost, bookingRetryPath, serveBookingRetry),
		adminRoute(http.MethodPost, bookingCancelPath, serveBookingCancel),
	}
}

// The calls, which the commands make.
const (
	statusPath   = "/ones/status"
	readyPath    = "/ones/ready"
	backupPath   = "/ones/backup"
	sessionsPath = "/ones/sessions"
	revokePath   = "/ones/sessions/revoke"
	keysPath     = "/ones/keys"
	recordsPath  = "/ones/keys/records"
	rewrapPath   = "/ones/keys/rewrap"

	diagnosticsPath = "/ones/diagnostics"

	roomsPath          = "/ones/rooms"
	roomDisconnectPath = "/ones/rooms/disconnect"

	usersPath          = "/ones/users"
	userShowPath       = "/ones/users/show"
	userDisconnectPath = "/ones/users/disconnect"
	userErasePath      = "/ones/users/erase"
	userMergePath      = "/ones/users/merge"

	bookingsPath      = "/ones/bookings"
	bookingShowPath   = "/ones/bookings/show"
	bookingRetryPath  = "/ones/bookings/retry"
	bookingCancelPath = "/ones/bookings/cancel"
)

// adminRoute leads to a call about the engine that runs. The engine is looked
// for at each call: Caddy makes these routes before a configuration's apps, and
// keeps those of one that failed afterwards.
func adminRoute(method, path string, serve func(http.ResponseWriter, *http.Request, *engine) error) caddy.AdminRoute {
	return caddy.AdminRoute{Pattern: path, Handler: caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != method {
			w.Header().Set("Allow", method)
			return refuse(http.StatusMethodNotAllowed, "%s takes %s, not %s", path, method, r.Method)
		}
		e := runningEngine()
		if e == nil {
			return refuse(http.StatusServiceUnavailable, "no gateway runs in this Caddy: the configuration in force has no ones block, or could not be started")
		}
		// The store can't be closed before the call ends.
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(e.running, cancel)()
		return serve(w, trail.Follow(w, r.WithContext(ctx)), e)
	})}
}

// refuse is an error for whoever called.
func refuse(status int, why string, args ...any) error {
	return caddy.APIError{HTTPStatus: status, Err: fmt.Errorf(why, args...)}
}

// answer sends JSON.
func answer(w http.ResponseWriter, body any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(append(encoded, '\n'))
	return err
}

// maxAdminBody bounds what a call may send, in bytes.
const maxAdminBody = 64 << 10

// question reads the JSON that a call sends.
func question(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdminBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		// encoding/json may repeat what it read in its error: a passphrase.
		return refuse(http.StatusBadRequest, "the body is not the JSON that this call takes")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return refuse(http.StatusBadRequest, "something follows the JSON in the body")
	}
	return nil
}

// backupRequest says who can open a backup: recipients or a passphrase.
type backupRequest struct {
	Recipients []string `json:"recipients,omitempty"`
	Passphrase string   `json:"passphrase,omitempty"`
}

func (b backupRequest) recipients() ([]age.Recipient, error) {
	switch {
	case b.Passphrase != "" && len(b.Recipients) > 0:
		return nil, errors.New("a backup is for recipients or has a passphrase, not both")
	case b.Passphrase != "":
		return backup.ForPassphrase(b.Passphrase)
	case len(b.Recipients) > 0:
		return backup.ForRecipients(b.Recipients)
	}
	return nil, errors.New("say who can open the backup: recipients, or a passphrase")
}

// serveBackup streams a backup. It ends without the end of the HTTP body if it
// fails half-way, so that nobody takes a part for the whole.
func serveBackup(w http.ResponseWriter, r *http.Request, e *engine) error {
	if !stayedHere(r) {
		return refuse(http.StatusForbidden, "a backup, and the passphrase that comes with the request, don't go over a network in the clear: let Caddy's admin API listen on a unix socket (admin unix//run/onesgate/admin.sock|0600) or on a loopback address")
	}
	var asked backupRequest
	if err := question(w, r, &asked); err != nil {
		return err
	}
	to, err := asked.recipients()
	if err != nil {
		return refuse(http.StatusBadRequest, "%w", err)
	}
	ctx, out := r.Context(), newSteadyWriter(w)
	log := slog.New(&liveHandler{engine: e, name: "admin"})
	made := time.Now()
	w.Header().Set("Content-Type", "application/octet-stream")
	records, err := backup.Write(ctx, e.store, out, made, version(), to)
	if err == nil {
		err = out.end()
	}
	switch {
	case err != nil && out.written == 0:
		return refuse(http.StatusServiceUnavailable, "no backup can be made: %w", err)
	case err != nil:
		log.Error("a backup was broken off", "error", err)
		panic(http.ErrAbortHandler)
	}
	slog.New(&liveHandler{engine: e, name: "audit"}).InfoContext(ctx, "backup made", "by", offboard.ByOperator, "records", records, "bytes", out.written)
	if err := noteBackup(ctx, e.store, status.Backup{At: made.UTC().Truncate(time.Second), Records: records, Bytes: out.written}); err != nil {
		log.Warn("the time of the backup could not be noted", "error", err)
	}
	return nil
}

// stayedHere says whether a request has not left this machine: it came over a
// unix socket or to a loopback address.
func stayedHere(r *http.Request) bool {
	switch a := r.Context().Value(http.LocalAddrContextKey).(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	}
	return false
}

// patience is how long a reader of a long answer may take for a part of it.
const patience = 30 * time.Second

// A steadyWriter writes a long answer, which may take any time as long as its
// reader goes on reading: the store can't be closed before.
type steadyWriter struct {
	w       http.ResponseWriter
	conn    *http.ResponseController
	written int64
}

func newSteadyWriter(w http.ResponseWriter) *steadyWriter {
	return &steadyWriter{w: w, conn: http.NewResponseController(w)}
}

// Write implements io.Writer.
func (s *steadyWriter) Write(b []byte) (int, error) {
	if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	n, err := s.w.Write(b)
	s.written += int64(n)
	return n, err
}

// end sends what is left. The connection may be used for something else then.
func (s *steadyWriter) end() error {
	if err := s.conn.Flush(); err != nil {
		return err
	}
	return s.conn.SetWriteDeadline(time.Time{})
}

// lastBackupKey is the record of the last backup that was sent to its end.
const (
	backupsPrefix = "backup/"
	lastBackupKey = backupsPrefix + "last"
)

func noteBackup(ctx context.Context, s store.Store, b status.Backup) error {
	value, err := json.Marshal(b)
	if err != nil {
		return err
	}
	_, err = s.Commit(ctx, store.Write{Key: lastBackupKey, Value: value})
	return err
}

// readLastBackup returns nil if there was none.
func readLastBackup(ctx context.Context, s store.Store) (*status.Backup, error) {
	rec, err := s.Get(ctx, lastBackupKey)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var b status.Backup
	if err := json.Unmarshal(rec.Value, &b); err != nil {
		return nil, fmt.Errorf("reading %s: %w", lastBackupKey, err)
	}
	return &b, nil
}

// Interface guards
var (
	_ caddy.Module      = AdminAPI{}
	_ caddy.AdminRouter = AdminAPI{}
)
