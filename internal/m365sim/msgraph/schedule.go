package msgraph

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// Limits of getSchedule
// (https://learn.microsoft.com/graph/outlook-get-free-busy-schedule). More
// mailboxes may pass in reality; the documented number is held here.
const (
	maxSchedules      = 20
	maxScheduleWindow = 62 * 24 * time.Hour
	minInterval       = 5 // minutes
	maxInterval       = 1440
	maxScheduleItems  = 1000
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
	zone     *time.Location // of the start, for all-day items
	interval time.Duration
}

func parseScheduleRequest(body []byte) (*scheduleRequest, error) {
	req := &scheduleRequest{AvailabilityViewInterval: "30"}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(req); err != nil {
		return nil, badRequest("RequestBodyRead", "The parameters of getSchedule can't be read: %v", err)
	}
	minutes, err := req.AvailabilityViewInterval.Int64()
	if err != nil || minutes < minInterval || minutes > maxInterval {
		return nil, badRequest("ErrorInvalidParameter", "AvailabilityViewInterval has to be between %d and %d minutes.", minInterval, maxInterval)
	}
	req.interval = time.Duration(minutes) * time.Minute
	var zone string
	if req.from, zone, err = parseClock(req.StartTime); err != nil {
		return nil, err
	}
	if req.zone, err = exchange.Zone(zone); err != nil {
		return nil, err
	}
	if req.to, _, err = parseClock(req.EndTime); err != nil {
		return nil, err
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
func (g *Graph) getSchedule(v *call) (front.Reply, error) {
	req, err := parseScheduleRequest(v.Body)
	if err != nil {
		return front.Reply{}, err
	}
	value := []any{}
	for _, address := range req.Schedules {
		value = append(value, g.schedule(v, req, address))
	}
	return front.JSON(http.StatusOK, map[string]any{
		"@odata.context": v.Cloud.Graph + root + "/$metadata#Collection(microsoft.graph.scheduleInformation)", "value": value,
	}), nil
}

// busyDigits are how availabilityView writes a status; anything else is free.
var busyDigits = map[string]byte{"tentative": '1', "busy": '2', "oof": '3'}

func (g *Graph) schedule(v *call, req *scheduleRequest, address string) map[string]any {
	failed := func(code, message string) map[string]any {
		return map[string]any{
			"scheduleId": address, "availabilityView": "", "error": map[string]string{"message": message, "responseCode": code},
		}
	}
	box := g.exchange.Mailbox(v.Tenant.Mailbox(address))
	if box == nil {
		return failed("5016", "Proxy web request failed. , inner exception: The mailbox could not be found.")
	}
	role := v.Tenant.RoleOn(v.Person, box.Address())
	if !role.AtLeast(world.RoleFreeBusy) {
		return failed("5009", "The caller does not have permission to view the free/busy data.")
	}
	view := bytes.Repeat([]byte{'0'}, int((req.to.Sub(req.from)+req.interval-1)/req.interval))
	items := []any{}
	for _, it := range box.View("", req.from.Add(-14*time.Hour), req.to.Add(14*time.Hour)) { // all-day events float
		start, end := it.Start, it.End
		if it.AllDay {
			start, end = floating(start, req.zone), floating(end, req.zone)
		}
		if it.ShowAs == "free" || !start.Before(req.to) || !end.After(req.from) {
			continue
		}
		items = append(items, v.scheduleItem(it, start, end, role.AtLeast(world.RoleLimitedRead)))
		mark(view, busyDigits[it.ShowAs], start.Sub(req.from), end.Sub(req.from), req.interval)
	}
	if len(items) > maxScheduleItems {
		return failed("5006", "The result set contains too many calendar entries. The allowed size = 1000.")
	}
	zone := "Etc/UTC"
	if box.IsRoom() {
		zone = box.Room().TimeZone
	}
	return map[string]any{
		"scheduleId": address, "availabilityView": string(view), "scheduleItems": items, "workingHours": workingHours(zone, v.Now),
	}
}

// floating is when a day that is written in UTC begins in a zone.
func floating(at time.Time, zone *time.Location) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, zone)
}

// mark writes a digit into the slots that an interval touches.
func mark(view []byte, digit byte, from, to, slot time.Duration) {
	for i := max(0, int(from/slot)); i < len(view) && time.Duration(i)*slot < to; i++ {
		view[i] = max(view[i], digit)
	}
}

// scheduleItem shows subject and place only where the calendar is shared with
// details, and never those of private events. No event id, ever.
func (v *call) scheduleItem(it exchange.Item, start, end time.Time, details bool) map[string]any {
	item := map[string]any{"status": it.ShowAs, "start": v.prefer.clock(start, false), "end": v.prefer.clock(end, false)}
	if !details {
		return item
	}
	item["isPrivate"] = it.Private()
	if !it.Private() {
		item["subject"], item["location"] = it.Subject, ""
		if len(it.Locations) > 0 {
			item["location"] = it.Locations[0].DisplayName
		}
	}
	return item
}

// workingHours of everybody. A zone that Windows has no name for is written as
// the present offset, without summer time.
func workingHours(zone string, now time.Time) map[string]any {
	named := map[string]any{"name": zone}
	if name, known := exchange.WindowsName(zone); known {
		named["name"] = name
	} else if at, err := time.LoadLocation(zone); err == nil {
		_, offset := now.In(at).Zone()
		never := map[string]any{"time": "00:00:00.0000000", "dayOccurrence": 0, "dayOfWeek": "sunday", "month": 0, "year": 0}
		summer := maps.Clone(never)
		summer["daylightBias"] = 0
		named = map[string]any{
			"@odata.type": "#microsoft.graph.customTimeZone", "name": "Customized Time Zone", "bias": -offset / 60,
			"standardOffset": never, "daylightOffset": summer,
		}
	}
	hour := func(h int) string { return time.Date(0, 1, 1, h, 0, 0, 0, time.UTC).Format("15:04:05.0000000") }
	return map[string]any{
		"daysOfWeek": []string{"monday", "tuesday", "wednesday", "thursday", "friday"},
		"startTime":  hour(exchange.WorkBegins), "endTime": hour(exchange.WorkEnds), "timeZone": named,
	}
}

// freeOf says whether a mailbox is free in an interval; a tentative event takes
// its time too.
func freeOf(box *exchange.Mailbox, from, to time.Time) bool {
	for _, it := range box.View("", from, to) {
		if it.ShowAs != "free" && it.ShowAs != "workingElsewhere" {
			return false
		}
	}
	return true
}
