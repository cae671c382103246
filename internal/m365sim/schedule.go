package m365sim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Limits of getSchedule
// (https://learn.microsoft.com/graph/outlook-get-free-busy-schedule). More
// mailboxes may pass in reality; the documented number is held here.
const (
	maxSchedules      = 20
	maxScheduleWindow = 62 * 24 * time.Hour
	defaultInterval   = 30 // minutes
	minInterval       = 5
	maxInterval       = 1440
)

// A scheduleRequest is the parameters of getSchedule, whose names are matched
// without regard to case.
type scheduleRequest struct {
	Schedules []string
	StartTime json.RawMessage
	EndTime   json.RawMessage
	// AvailabilityViewInterval is a number; a string with one passes too.
	AvailabilityViewInterval json.Number

	from, to time.Time
	interval time.Duration
}

func parseScheduleRequest(body []byte) (*scheduleRequest, *graphError) {
	req := &scheduleRequest{AvailabilityViewInterval: "30"}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(req); err != nil {
		return nil, badRequest("RequestBodyRead", "The parameters of getSchedule can't be read: %v", err)
	}
	minutes, err := req.AvailabilityViewInterval.Int64()
	if err != nil || minutes < minInterval || minutes > maxInterval {
		return nil, badRequest("ErrorInvalidParameter", "AvailabilityViewInterval has to be between %d and %d minutes.", minInterval, maxInterval)
	}
	req.interval = time.Duration(minutes) * time.Minute
	var refusal *graphError
	if req.from, _, refusal = parseClock(req.StartTime); refusal != nil {
		return nil, refusal
	}
	if req.to, _, refusal = parseClock(req.EndTime); refusal != nil {
		return nil, refusal
	}
	switch {
	case len(req.Schedules) == 0:
		return nil, badRequest("ErrorInvalidParameter", "At least one schedule has to be named.")
	case len(req.Schedules) > maxSchedules:
		return nil, badRequest("ErrorMailboxDataArrayTooBig", "There are too many target users in the EmailAddress array. The allowed size = %d; the actual size = %d.", maxSchedules, len(req.Schedules))
	case !req.to.After(req.from):
		return nil, badRequest("ErrorInvalidTimeInterval", "The end time must be later than the start time.")
	case req.to.Sub(req.from) > maxScheduleWindow:
		return nil, badRequest("ErrorTimeIntervalTooBig", "The requested time duration specified for FreeBusyViewOptions.TimeWindow is too long. The allowed limit = 62 days.")
	}
	return req, nil
}

// getSchedule tells when mailboxes are busy. A mailbox that can't be seen has
// an error of its own; the others still count.
func (s *Server) getSchedule(g *graphCall) (reply, *graphError) {
	req, refusal := parseScheduleRequest(g.body)
	if refusal != nil {
		return reply{}, refusal
	}
	value := []any{}
	for _, address := range req.Schedules {
		if !g.tenant.hasMailbox(address) {
			value = append(value, map[string]any{
				"scheduleId": address, "availabilityView": "",
				"error": map[string]string{"message": "Proxy web request failed. , inner exception: The mailbox could not be found.", "responseCode": "5016"},
			})
			continue
		}
		value = append(value, s.schedule(g, req, address))
	}
	return jsonReply(http.StatusOK, map[string]any{
		"@odata.context": s.base + graphRoot + "$metadata#Collection(microsoft.graph.scheduleInformation)", "value": value,
	}), nil
}

// busyDigits are how availabilityView writes a status; anything else is free.
var busyDigits = map[string]byte{"tentative": '1', "busy": '2', "oof": '3'}

func (s *Server) schedule(g *graphCall, req *scheduleRequest, address string) map[string]any {
	room := g.tenant.room(address)
	details := strings.EqualFold(address, g.person.Mail) || room != nil && room.Details
	slots := int((req.to.Sub(req.from) + req.interval - 1) / req.interval)
	view := bytes.Repeat([]byte{'0'}, slots)
	items := []any{}
	events := slices.Clone(s.state.calendar(address).Events)
	slices.SortStableFunc(events, func(a, b *event) int { return a.Start.Compare(b.Start) })
	for _, e := range events {
		if !e.overlaps(req.from, req.to) || e.ShowAs == "free" {
			continue
		}
		items = append(items, s.scheduleItem(e, g.prefer, details))
		for i := range view {
			slot := req.from.Add(time.Duration(i) * req.interval)
			if digit := busyDigits[e.ShowAs]; e.overlaps(slot, slot.Add(req.interval)) && digit > view[i] {
				view[i] = digit
			}
		}
	}
	zone := "UTC"
	if room != nil {
		zone = room.TimeZone
	}
	return map[string]any{
		"scheduleId": address, "availabilityView": string(view), "scheduleItems": items, "workingHours": workingHours(zone, g.now),
	}
}

// scheduleItem shows subject and place only where the calendar is shared with
// details, and never those of private events. No event id, ever.
func (s *Server) scheduleItem(e *event, p preferences, details bool) map[string]any {
	item := map[string]any{"status": e.ShowAs, "start": p.clock(e.Start, e.AllDay), "end": p.clock(e.End, e.AllDay)}
	if !details {
		return item
	}
	private := e.Sensitivity == "private" || e.Sensitivity == "confidential"
	item["isPrivate"] = private
	if !private {
		item["subject"], item["location"] = e.Subject, ""
		if len(e.Locations) > 0 {
			item["location"] = e.Locations[0].DisplayName
		}
	}
	return item
}

func workingHours(zone string, now time.Time) map[string]any {
	named := map[string]any{"name": zone}
	if name, known := windowsName(zone); known {
		named["name"] = name
	} else if at, err := time.LoadLocation(zone); err == nil {
		_, offset := now.In(at).Zone()
		named = map[string]any{"@odata.type": "#microsoft.graph.customTimeZone", "name": "Customized Time Zone", "bias": -offset / 60}
	}
	return map[string]any{
		"daysOfWeek": []string{"monday", "tuesday", "wednesday", "thursday", "friday"},
		"startTime":  "08:00:00.0000000", "endTime": "17:00:00.0000000", "timeZone": named,
	}
}
