package msgraph

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
)

// clock is a dateTimeTimeZone's wall clock, seven digits of a second.
const clock = "2006-01-02T15:04:05.0000000"

// instant is an Edm.DateTimeOffset.
const instant = "2006-01-02T15:04:05.0000000Z"

type dateTimeTimeZone struct {
	DateTime string `json:"dateTime"`
	TimeZone string `json:"timeZone"`
}

// clock writes a time in the zone asked for, else in UTC. Floating times stay
// midnights in every zone.
func (p preferences) clock(at time.Time, floating bool) dateTimeTimeZone {
	if p.zone == nil {
		return dateTimeTimeZone{at.UTC().Format(clock), "UTC"}
	}
	if at = at.UTC(); !floating {
		at = at.In(p.zone)
	}
	return dateTimeTimeZone{at.Format(clock), p.zoneName}
}

// render returns an item's properties as the caller may see them
// (https://learn.microsoft.com/graph/api/resources/event).
func (v *call) render(it exchange.Item) map[string]any {
	m := v.properties(it)
	if v.sees(it) {
		return m
	}
	m["body"], m["bodyPreview"], m["categories"] = exchange.Body{ContentType: "html"}, "", []string{}
	m["attendees"], m["organizer"], m["onlineMeeting"], m["webLink"] = []any{}, nil, nil, nil
	if it.Private() {
		m["subject"], m["location"], m["locations"] = "Private Appointment", noLocation, []any{}
	}
	return m
}

// extendedProperties are an item's, if the caller may see them.
func (v *call) extendedProperties(it exchange.Item) []exchange.Property {
	if !v.sees(it) {
		return nil
	}
	return it.Properties
}

func (v *call) properties(it exchange.Item) map[string]any {
	p := v.prefer
	text := plainText(it.Body)
	m := map[string]any{
		"@odata.etag": it.ETag(), "id": it.ID(p.immutableID), "changeKey": it.ChangeKey, "iCalUId": it.ICalUID(),
		"createdDateTime": it.Created.UTC().Format(instant), "lastModifiedDateTime": it.Modified.UTC().Format(instant),
		"subject": it.Subject, "body": shownBody(it.Body, p.textBody), "bodyPreview": preview(text),
		"start": p.clock(it.Start, it.AllDay), "end": p.clock(it.End, it.AllDay), "isAllDay": it.AllDay,
		"originalStartTimeZone": it.StartZone, "originalEndTimeZone": it.EndZone,
		"location": shownLocation(it.Locations), "locations": shownLocations(it.Locations),
		"attendees": v.shownAttendees(it), "organizer": map[string]any{"emailAddress": it.Organizer}, "isOrganizer": it.Organized(),
		"responseStatus": exchange.Status{Response: it.Response, Time: it.ResponseAt}, "responseRequested": it.ResponseRequested,
		"allowNewTimeProposals": it.AllowNewTimes, "hideAttendees": it.HideAttendees,
		"isCancelled": it.Cancelled, "isDraft": false, "hasAttachments": false,
		"showAs": it.ShowAs, "sensitivity": it.Sensitivity, "importance": it.Importance, "categories": orEmpty(it.Categories),
		"isReminderOn": it.ReminderOn, "reminderMinutesBeforeStart": it.ReminderMinutes,
		"type": it.Type(), "seriesMasterId": nil, "recurrence": nil, "transactionId": nil,
		"isOnlineMeeting": it.Online != "", "onlineMeetingProvider": "unknown", "onlineMeeting": nil, "onlineMeetingUrl": nil,
		"webLink": v.Cloud.Login + "/owa/?itemid=" + url.QueryEscape(it.ID(false)) + "&exvsurl=1&path=/calendar/item",
	}
	if it.TransactionID != "" {
		m["transactionId"] = it.TransactionID
	}
	if it.Recurrence != nil {
		m["recurrence"] = shownRecurrence(it.Recurrence)
	}
	if it.Master != nil {
		m["seriesMasterId"] = it.MasterItem().ID(p.immutableID)
		if it.Type() == exchange.Exception {
			m["originalStart"] = it.OriginalStart().UTC().Format(instant)
		}
	}
	if it.Online != "" {
		m["onlineMeetingProvider"] = "teamsForBusiness"
		m["onlineMeeting"] = map[string]any{"joinUrl": joinURL(it.Event)}
	}
	return m
}

func (v *call) shownAttendees(it exchange.Item) []any {
	shown := []any{}
	for _, a := range it.Attendees {
		m := map[string]any{"type": a.Type, "emailAddress": a.EmailAddress, "status": a.Status}
		if !a.ProposedStart.IsZero() {
			m["proposedNewTime"] = map[string]any{"start": v.prefer.clock(a.ProposedStart, false), "end": v.prefer.clock(a.ProposedEnd, false)}
		}
		shown = append(shown, m)
	}
	return shown
}

// shownRecurrence has a start and an end also where they say nothing.
func shownRecurrence(r *exchange.Recurrence) *exchange.Recurrence {
	c := *r
	if c.Range.EndDate == "" {
		c.Range.EndDate = "0001-01-01"
	}
	c.Pattern.DaysOfWeek = orEmpty(c.Pattern.DaysOfWeek)
	return &c
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func shownLocations(locations []exchange.Location) []exchange.Location {
	shown := []exchange.Location{}
	for _, l := range locations {
		l.LocationType, l.UniqueID, l.UniqueIDType = "default", l.DisplayName, "private"
		shown = append(shown, l)
	}
	return shown
}

var noLocation = exchange.Location{LocationType: "default", UniqueIDType: "unknown"}

// shownLocation is the one property that stands for all locations: their names.
func shownLocation(locations []exchange.Location) exchange.Location {
	switch shown := shownLocations(locations); len(shown) {
	case 0:
		return noLocation
	case 1:
		return shown[0]
	default:
		var names []string
		for _, l := range shown {
			names = append(names, l.DisplayName)
		}
		return shownLocations([]exchange.Location{{DisplayName: strings.Join(names, "; ")}})[0]
	}
}

func shownBody(b exchange.Body, asText bool) exchange.Body {
	switch {
	case asText:
		return exchange.Body{ContentType: "text", Content: plainText(b)}
	case b.ContentType == "text":
		return exchange.Body{ContentType: "html", Content: "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body>" +
			html.EscapeString(b.Content) + "</body></html>"}
	}
	return exchange.Body{ContentType: "html", Content: b.Content}
}

var htmlTag = regexp.MustCompile(`<[^>]*>`)

// plainText is a body without its markup.
func plainText(b exchange.Body) string {
	if b.ContentType == "text" {
		return b.Content
	}
	return html.UnescapeString(htmlTag.ReplaceAllString(b.Content, ""))
}

// preview is the first 255 characters.
func preview(text string) string {
	runes := []rune(strings.TrimSpace(text))
	return string(runes[:min(len(runes), 255)])
}

// The online meeting lives in the body: whoever writes the body anew without
// its blob has no online meeting any more
// (https://learn.microsoft.com/graph/api/event-update).
const onlineBlob = `<div class="me-email-text" id="%s"><a href="%s">Join the meeting now</a></div>`

func joinURL(e *exchange.Event) string {
	return "https://teams.microsoft.com/l/meetup-join/19%3ameeting_" + e.Online + "%40thread.v2/0"
}

// addOnlineMeeting writes the blob into the body.
func addOnlineMeeting(e *exchange.Event, id string) {
	e.Online = id
	if e.Body.ContentType == "text" {
		e.Body = exchange.Body{ContentType: "html", Content: html.EscapeString(e.Body.Content)}
	}
	e.Body.Content += fmt.Sprintf(onlineBlob, id, joinURL(e))
}
