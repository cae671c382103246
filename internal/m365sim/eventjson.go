package m365sim

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// graphClock is a dateTimeTimeZone's wall clock, seven digits of a second.
const graphClock = "2006-01-02T15:04:05.0000000"

// graphInstant is an Edm.DateTimeOffset.
const graphInstant = "2006-01-02T15:04:05.0000000Z"

type dateTimeTimeZone struct {
	DateTime string `json:"dateTime"`
	TimeZone string `json:"timeZone"`
}

// clock writes a time in the zone asked for, else in UTC. Floating times stay
// midnights in every zone.
func (p preferences) clock(at time.Time, floating bool) dateTimeTimeZone {
	if p.zone == nil {
		return dateTimeTimeZone{at.UTC().Format(graphClock), "UTC"}
	}
	if !floating {
		at = at.In(p.zone)
	}
	return dateTimeTimeZone{at.Format(graphClock), p.zoneName}
}

// render returns an event's properties
// (https://learn.microsoft.com/graph/api/resources/event).
func (s *Server) render(e *event, p preferences) map[string]any {
	text := e.Body.text()
	body := itemBody{"html", e.Body.Content}
	switch {
	case p.textBody:
		body = itemBody{"text", text}
	case e.Body.ContentType == "text":
		body.Content = "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body>" +
			html.EscapeString(text) + "</body></html>"
	}
	attendees := e.Attendees
	if attendees == nil {
		attendees = []attendee{}
	}
	m := map[string]any{
		"@odata.etag": e.etag(), "id": e.ID, "changeKey": e.ChangeKey, "iCalUId": e.ICalUID,
		"createdDateTime": e.Created.UTC().Format(graphInstant), "lastModifiedDateTime": e.Modified.UTC().Format(graphInstant),
		"subject": e.Subject, "body": body, "bodyPreview": preview(text),
		"start": p.clock(e.Start, e.AllDay), "end": p.clock(e.End, e.AllDay), "isAllDay": e.AllDay,
		"originalStartTimeZone": e.StartZone, "originalEndTimeZone": e.EndZone,
		"locations": e.shownLocations(), "location": location{LocationType: "default", UniqueIDType: "unknown"},
		"attendees": attendees, "organizer": map[string]any{"emailAddress": e.Organizer}, "isOrganizer": e.organized(),
		"responseStatus": responseStatus{e.Response, e.ResponseAt}, "responseRequested": e.ResponseRequested,
		"allowNewTimeProposals": e.AllowNewTimes, "hideAttendees": e.HideAttendees,
		"isCancelled": e.Cancelled, "isDraft": false, "hasAttachments": false,
		"showAs": e.ShowAs, "sensitivity": e.Sensitivity, "importance": e.Importance, "categories": e.Categories,
		"isReminderOn": e.ReminderOn, "reminderMinutesBeforeStart": e.ReminderMinutes,
		"type": "singleInstance", "seriesMasterId": nil, "recurrence": nil, "transactionId": nil,
		"isOnlineMeeting": e.Online, "onlineMeetingProvider": "unknown", "onlineMeeting": nil, "onlineMeetingUrl": nil,
		"webLink": s.base + "/owa/?itemid=" + url.QueryEscape(e.ID) + "&exvsurl=1&path=/calendar/item",
	}
	if len(e.Locations) > 0 {
		m["location"] = e.shownLocations()[0]
	}
	if e.Categories == nil {
		m["categories"] = []string{}
	}
	if e.TransactionID != "" {
		m["transactionId"] = e.TransactionID
	}
	if e.Online {
		m["onlineMeetingProvider"] = "teamsForBusiness"
		m["onlineMeeting"] = map[string]any{"joinUrl": s.base + "/l/meetup-join/" + e.ICalUID[80:]}
	}
	return m
}

func (e *event) shownLocations() []location {
	shown := []location{}
	for _, l := range e.Locations {
		l.LocationType, l.UniqueID, l.UniqueIDType = "default", l.DisplayName, "private"
		shown = append(shown, l)
	}
	return shown
}

var htmlTag = regexp.MustCompile(`<[^>]*>`)

// text is the body without its markup.
func (b itemBody) text() string {
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
