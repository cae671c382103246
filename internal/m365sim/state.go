package m365sim

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// state is all that a restart must not lose. Credentials are kept by their
// fingerprints, so that the file gives none away but the signing key.
type state struct {
	Key       string                   `json:"key"`  // PKCS #8, PEM
	Salt      []byte                   `json:"salt"` // of the pairwise subjects
	Codes     map[string]*grant        `json:"codes"`
	Refresh   map[string]*grant        `json:"refresh_tokens"`
	Access    map[string]*grant        `json:"access_tokens"`
	Sessions  map[string]*session      `json:"sessions"`
	Secrets   map[string][]Secret      `json:"secrets"`   // replaced at run time, by client id
	Calendars map[string]*calendarData `json:"calendars"` // by address, in lower case
}

// A grant is what a code, a refresh token or an access token stands for.
type grant struct {
	TenantID string    `json:"tenant"`
	ClientID string    `json:"client"`
	Mail     string    `json:"mail"`
	Scopes   []string  `json:"scopes"`
	SID      string    `json:"sid"`
	Expires  time.Time `json:"expires"`
	Revoked  bool      `json:"revoked,omitempty"`
	// Of a code only.
	RedirectURI     string `json:"redirect_uri,omitempty"`
	Nonce           string `json:"nonce,omitempty"`
	Challenge       string `json:"challenge,omitempty"`
	ChallengeMethod string `json:"challenge_method,omitempty"`
	Redeemed        bool   `json:"redeemed,omitempty"`
}

// A session is a browser's single sign-on.
type session struct {
	TenantID string `json:"tenant"`
	Mail     string `json:"mail"`
	SID      string `json:"sid"`
}

// newToken returns n random bytes in base64url.
func newToken(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// randomly returns a random part of d, in whole seconds.
func randomly(d time.Duration) time.Duration {
	n, _ := rand.Int(rand.Reader, big.NewInt(int64(d/time.Second))) // never fails (crypto/rand)
	return time.Duration(n.Int64()) * time.Second
}

func fingerprint(credential string) string {
	sum := sha256.Sum256([]byte(credential))
	return hex.EncodeToString(sum[:])
}

// load reads the state file, or begins anew.
func (s *Server) load() error {
	text, err := s.readState()
	if err != nil {
		return err
	}
	s.state = &state{}
	if text != nil {
		if err := json.Unmarshal(text, s.state); err != nil {
			return fmt.Errorf("the state file %s can't be read: %w; remove it to begin anew", s.stateFile, err)
		}
		if s.keys, err = parseKey(s.state.Key); err != nil {
			return fmt.Errorf("the state file %s can't be read: %w; remove it to begin anew", s.stateFile, err)
		}
	}
	s.state.makeMaps()
	if text == nil {
		if s.keys, s.state.Key, err = newKey(); err != nil {
			return err
		}
		s.state.Salt = []byte(rand.Text())
		s.seed(s.now())
	}
	return s.save()
}

func (s *Server) readState() ([]byte, error) {
	if s.stateFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(s.stateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the state file can't be read: %w", err)
	}
	return text, nil
}

func (st *state) makeMaps() {
	for _, m := range []*map[string]*grant{&st.Codes, &st.Refresh, &st.Access} {
		if *m == nil {
			*m = map[string]*grant{}
		}
	}
	if st.Sessions == nil {
		st.Sessions = map[string]*session{}
	}
	if st.Secrets == nil {
		st.Secrets = map[string][]Secret{}
	}
	if st.Calendars == nil {
		st.Calendars = map[string]*calendarData{}
	}
}

// save writes the state file if the state has changed, whole or not at all.
// s.mu must be held, or the server not be in use yet.
func (s *Server) save() error {
	if s.stateFile == "" {
		return nil
	}
	text, err := json.Marshal(s.state)
	if err != nil {
		return fmt.Errorf("the state can't be written: %w", err)
	}
	if string(text) == s.saved {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(s.stateFile), ".m365sim-*") // mode 0600
	if err != nil {
		return fmt.Errorf("the state can't be written: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already if all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("the state can't be written: %w", err)
	}
	if err := os.Rename(f.Name(), s.stateFile); err != nil {
		return fmt.Errorf("the state can't be written: %w", err)
	}
	s.saved = string(text)
	return nil
}

// calendar returns the calendar of a mailbox; it is made on first use.
func (st *state) calendar(address string) *calendarData {
	key := strings.ToLower(address)
	if st.Calendars[key] == nil {
		st.Calendars[key] = &calendarData{}
	}
	return st.Calendars[key]
}

// forget drops grants that nobody needs to be told about any more.
func (st *state) forget(now time.Time) {
	for _, m := range []map[string]*grant{st.Codes, st.Access} {
		for id, g := range m {
			if now.Sub(g.Expires) > codeLifetime {
				delete(m, id)
			}
		}
	}
	for id, g := range st.Refresh {
		if now.Sub(g.Expires) > refreshLifetime {
			delete(st.Refresh, id)
		}
	}
}
