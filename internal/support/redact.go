package support

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// Redacted stands where something was taken out.
const Redacted = "[redacted]"

// A Redaction takes out of texts what is secret, and gives people other names: the same
// one wherever they are in one bundle, and another one in the next. It may be used
// concurrently.
type Redaction struct{ key [32]byte }

// NewRedaction returns one whose names nobody can lead back, as its key is kept nowhere.
func NewRedaction() *Redaction {
	r := new(Redaction)
	_, _ = rand.Read(r.key[:]) // never fails (crypto/rand.Read)
	return r
}

// name is what stands for a value of some kind.
func (r *Redaction) name(kind, value string) string {
	mac := hmac.New(sha256.New, r.key[:])
	mac.Write([]byte(kind + "\x00" + strings.ToLower(value)))
	return kind + "-" + hex.EncodeToString(mac.Sum(nil)[:5])
}

// What is taken out of a text, in this order.
var (
	pemBlock = regexp.MustCompile(`(?s)-----BEGIN [^-]+-----.*?-----END [^-]+-----`)
	jwt      = regexp.MustCompile(`eyJ[\w-]{10,}\.[\w-]+(?:\.[\w-]*)*`)
	inURL    = regexp.MustCompile(`://[^/\s"'@]+:[^/\s"']*@`)
	// A client secret, as Microsoft makes them.
	clientSecret = regexp.MustCompile(`[\w~.-]{3}\dQ~[\w~.-]{31,}`)
	scheme       = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[^\s"',]+`)
	// A parameter of a query or form, or a cookie.
	parameter = regexp.MustCompile(`(?i)\b(code|state|nonce|sid|logout_hint|login_hint|session_state|[\w-]*(?:token|secret|password|passphrase|assertion|verifier|onesgate))=(?:'[^']*'|"[^"]*"|[^&\s"';,]+)`)
	mail      = regexp.MustCompile(`[\pL\pM\pN_.%+'#-]+(?:@|%40)[\pL\pM\pN_-]+(?:\.[\pL\pM\pN_-]+)*\.(?:xn--[\w-]+|\pL[\pL\pM]+)`)
	// A user id: the tenant's, and the subject that Microsoft gives the account in this app.
	userID = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.[\w~-]+`)
	// What nobody would write by hand: keys, tokens, ids of sessions and events; the second
	// may be a path, too.
	opaque = []*regexp.Regexp{regexp.MustCompile(`[A-Za-z0-9_~-]{32,}={0,2}`), regexp.MustCompile(`[A-Za-z0-9+/]{40,}={0,2}`)}
	uuid   = regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// Text takes out of a text what looks secret, and gives other names to mail addresses,
// user ids and whatever else looks like the id of something. Ids of objects (UUIDs) stay.
func (r *Redaction) Text(s string) string {
	s = pemBlock.ReplaceAllString(s, Redacted)
	s = jwt.ReplaceAllString(s, Redacted)
	s = inURL.ReplaceAllString(s, "://"+Redacted+"@")
	s = clientSecret.ReplaceAllString(s, Redacted)
	s = scheme.ReplaceAllString(s, "$1 "+Redacted)
	s = parameter.ReplaceAllString(s, "$1="+Redacted)
	s = userID.ReplaceAllStringFunc(s, func(id string) string { return r.name("user", id) })
	s = mail.ReplaceAllStringFunc(s, func(address string) string {
		return r.name("mail", strings.Replace(address, "%40", "@", 1))
	})
	for _, kind := range opaque {
		s = kind.ReplaceAllStringFunc(s, func(word string) string {
			if uuid.MatchString(word) || !random(word) {
				return word
			}
			return r.name("opaque", word)
		})
	}
	return s
}

// random says whether a word has the letters and digits of something that was drawn, and
// not thought of; a long name in mixed case is taken for that, too, as one key in a thousand
// has no digit. Of a path it is so only with all of them.
func random(word string) bool {
	digits := strings.ContainsAny(word, "0123456789")
	small := strings.ToUpper(word) != word
	large := strings.ToLower(word) != word
	if strings.Contains(word, "/") {
		return digits && small && large
	}
	return digits && (small || large) || small && large
}
