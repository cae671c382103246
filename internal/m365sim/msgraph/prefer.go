package msgraph

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
)

// preferences are what a Prefer header asks for (RFC 7240).
type preferences struct {
	zoneName    string
	zone        *time.Location // nil: UTC
	textBody    bool
	immutableID bool
	minimal     bool
	pageSize    int // 0: not asked for
}

func parsePrefer(headers []string) (preferences, error) {
	var p preferences
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			unquoted := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(value), `"`), `"`)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "outlook.timezone":
				zone, err := exchange.Zone(unquoted) // also in single quotes, which no zone has
				if err != nil {
					return p, err
				}
				p.zoneName, p.zone = unquoted, zone
			case "outlook.body-content-type":
				p.textBody = strings.EqualFold(unquoted, "text")
			case "idtype":
				p.immutableID = strings.EqualFold(unquoted, "ImmutableId")
			case "return":
				p.minimal = strings.EqualFold(unquoted, "minimal")
			case "odata.maxpagesize":
				if n, err := strconv.Atoi(unquoted); err == nil && n > 0 {
					p.pageSize = min(n, maxPage)
				}
			}
		}
	}
	return p, nil
}

// of keeps what concerns the calls of a pattern: pages change tracking, short
// answers the writing of events.
func (p preferences) of(pattern string) preferences {
	method, path, _ := strings.Cut(pattern, " ")
	if !strings.HasSuffix(path, "/delta") {
		p.pageSize = 0
	}
	writes := method == http.MethodPost && strings.HasSuffix(path, "/events") ||
		method == http.MethodPatch && strings.HasSuffix(path, "/events/{event}")
	p.minimal = p.minimal && writes
	return p
}

// applied is what of it has been done.
func (p preferences) applied() string {
	var applied []string
	if p.zone != nil {
		applied = append(applied, `outlook.timezone="`+p.zoneName+`"`)
	}
	if p.textBody {
		applied = append(applied, `outlook.body-content-type="text"`)
	}
	if p.immutableID {
		applied = append(applied, `IdType="ImmutableId"`)
	}
	if p.minimal {
		applied = append(applied, "return=minimal")
	}
	if p.pageSize > 0 {
		applied = append(applied, "odata.maxpagesize="+strconv.Itoa(p.pageSize))
	}
	return strings.Join(applied, ", ")
}
