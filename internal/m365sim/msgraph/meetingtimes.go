package msgraph

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
)

// A meetingRequest is the parameters of findMeetingTimes
// (https://learn.microsoft.com/graph/api/user-findmeetingtimes).
type meetingRequest struct {
	Attendees []struct {
		Type         string
		EmailAddress exchange.Address
	}
	LocationConstraint struct {
		IsRequired      bool
		SuggestLocation bool
		Locations       []struct {
			DisplayName          string
			LocationEmailAddress string
		}
	}
	TimeConstraint struct {
		ActivityDomain string
		TimeSlots      []struct{ Start, End json.RawMessage }
	}
	MeetingDuration           string
	MaxCandidates             int
	MinimumAttendeePercentage json.Number
	IsOrganizerOptional       truth
	ReturnSuggestionReasons   truth

	duration   time.Duration
	percentage float64
}

// Defaults of findMeetingTimes, and its steps.
const (
	defaultCandidates = 20
	defaultPercentage = "50"
	candidateStep     = 30 * time.Minute
	maxCandidateSlots = 2000
)

// chances are how likely an attendee comes, in percent, by their status; the
// confidence of a suggestion is their average.
var chances = map[string]float64{"free": 100, "unknown": 49}

var isoDuration = regexp.MustCompile(`^P(?:(\d{1,3})D)?(?:T(?:(\d{1,3})H)?(?:(\d{1,4})M)?)?$`)

func parseISODuration(text string) (time.Duration, bool) {
	m := isoDuration.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	part := func(s string, unit time.Duration) time.Duration {
		n, _ := strconv.Atoi(s)
		return time.Duration(n) * unit
	}
	d := part(m[1], 24*time.Hour) + part(m[2], time.Hour) + part(m[3], time.Minute)
	return d, d > 0
}

// findMeetingTimes suggests when attendees are free. 21Vianet doesn't have it.
func (g *Graph) findMeetingTimes(v *call) (front.Reply, error) {
	if v.Cloud.Name == "21vianet" {
		return front.Reply{}, badRequest("BadRequest", "Resource not found for the segment 'findMeetingTimes'.")
	}
	req := &meetingRequest{MeetingDuration: "PT30M", MaxCandidates: defaultCandidates, MinimumAttendeePercentage: defaultPercentage}
	if len(v.Body) > 0 {
		if err := json.NewDecoder(bytes.NewReader(v.Body)).Decode(req); err != nil {
			return front.Reply{}, badRequest("RequestBodyRead", "The parameters of findMeetingTimes can't be read: %v", err)
		}
	}
	var ok bool
	if req.duration, ok = parseISODuration(req.MeetingDuration); !ok {
		return front.Reply{}, badRequest("ErrorInvalidParameter", "MeetingDuration '%s' is not an ISO 8601 duration such as PT1H.", req.MeetingDuration)
	}
	var err error
	if req.percentage, err = req.MinimumAttendeePercentage.Float64(); err != nil {
		return front.Reply{}, badRequest("ErrorInvalidParameter", "MinimumAttendeePercentage '%s' is not a number.", req.MinimumAttendeePercentage)
	}
	slots, err := req.slots(v.Now)
	if err != nil {
		return front.Reply{}, err
	}
	suggestions := []map[string]any{}
	for _, at := range slots {
		if s := g.suggest(v, req, at); s != nil {
			suggestions = append(suggestions, s)
		}
	}
	slices.SortStableFunc(suggestions, func(a, b map[string]any) int {
		return cmp.Compare(b["confidence"].(float64), a["confidence"].(float64))
	})
	suggestions = suggestions[:min(len(suggestions), max(req.MaxCandidates, 0))]
	for i, s := range suggestions {
		s["order"] = i + 1
	}
	reason := ""
	if len(suggestions) == 0 {
		reason = "attendeesUnavailable"
	}
	return front.JSON(http.StatusOK, map[string]any{
		"@odata.context":         v.Cloud.Graph + root + "/$metadata#microsoft.graph.meetingTimeSuggestionsResult",
		"emptySuggestionsReason": reason, "meetingTimeSuggestions": suggestions,
	}), nil
}

// slots are when a meeting could begin: within the given intervals, or in the
// next week. Working hours are those of the intervals' zones.
func (r *meetingRequest) slots(now time.Time) ([]time.Time, error) {
	type interval struct{ from, to time.Time }
	var within []interval
	for _, slot := range r.TimeConstraint.TimeSlots {
		from, zoneName, err := parseClock(slot.Start)
		if err != nil {
			return nil, err
		}
		zone, err := exchange.Zone(zoneName)
		if err != nil {
			return nil, err
		}
		to, _, err := parseClock(slot.End)
		if err != nil {
			return nil, err
		}
		within = append(within, interval{from.In(zone), to.In(zone)})
	}
	if within == nil {
		begin := now.UTC().Truncate(candidateStep).Add(candidateStep)
		within = []interval{{begin, begin.AddDate(0, 0, 7)}}
	}
	working := r.TimeConstraint.ActivityDomain == "" || r.TimeConstraint.ActivityDomain == "work"
	var slots []time.Time
	for _, i := range within {
		for at := i.from; !at.Add(r.duration).After(i.to) && len(slots) < maxCandidateSlots; at = at.Add(candidateStep) {
			if !working || exchange.WorkHours(at, at.Add(r.duration)) {
				slots = append(slots, at)
			}
		}
	}
	return slots, nil
}

// suggest returns a suggestion for a time, or nil if too few could come.
func (g *Graph) suggest(v *call, r *meetingRequest, at time.Time) map[string]any {
	until := at.Add(r.duration)
	organizerFree := freeOf(v.box, at, until)
	if !organizerFree && !bool(r.IsOrganizerOptional) {
		return nil
	}
	shown, chance := []any{}, 0.0
	for _, a := range r.Attendees {
		word := "unknown"
		if box := g.exchange.Mailbox(v.Tenant.Mailbox(a.EmailAddress.Address)); box != nil {
			if word = "busy"; freeOf(box, at, until) {
				word = "free"
			}
		}
		chance += chances[word]
		shown = append(shown, map[string]any{
			"availability": word,
			"attendee":     map[string]any{"type": cmp.Or(a.Type, "required"), "emailAddress": a.EmailAddress},
		})
	}
	confidence := 100.0
	if len(r.Attendees) > 0 {
		confidence = chance / float64(len(r.Attendees))
	}
	locations := g.freeLocations(v, r, at, until)
	if confidence < r.percentage || r.LocationConstraint.IsRequired && len(locations) == 0 {
		return nil
	}
	word := map[bool]string{true: "free", false: "busy"}[organizerFree]
	m := map[string]any{
		"confidence": confidence, "organizerAvailability": word, "suggestionReason": nil,
		"meetingTimeSlot":      map[string]any{"start": v.prefer.clock(at, false), "end": v.prefer.clock(until, false)},
		"attendeeAvailability": shown, "locations": locations,
	}
	if r.ReturnSuggestionReasons {
		m["suggestionReason"] = "Suggested because it is one of the nearest times when enough attendees are available."
	}
	return m
}

// freeLocations are the given rooms that are free.
func (g *Graph) freeLocations(v *call, r *meetingRequest, from, to time.Time) []exchange.Location {
	free := []exchange.Location{}
	for _, l := range r.LocationConstraint.Locations {
		box := g.exchange.Mailbox(v.Tenant.Mailbox(l.LocationEmailAddress))
		if box == nil || freeOf(box, from, to) {
			free = append(free, exchange.Location{DisplayName: l.DisplayName, LocationEmailAddress: l.LocationEmailAddress, LocationType: "conferenceRoom"})
		}
	}
	return free
}
