package msgraph

import (
	"fmt"
	"net/http"
	"time"
)

// Reasons why examples are not replayed.
const (
	otherPlaces   = "the document has no places but for check-ins"
	otherSettings = "the document has no mailbox settings and time zones"
	permissions   = "permissions of calendars can only be listed: they are the configuration's"
	noAnswer      = "neither a body nor an answer is given"
	inTheHook     = "it is a notification: TestExamplesOfNotifications compares it"
	justASchema   = "it shows the shape of errors, with codes of another service"
)

func toHook(f *fixture, body record) {
	body["notificationUrl"], body["resource"], body["expirationDateTime"] = f.hook.url+"/other", "me/events", "2026-11-24T01:00:00Z"
	if body["lifecycleNotificationUrl"] != nil {
		body["lifecycleNotificationUrl"] = f.hook.url + "/life"
	}
}

func renewal(_ *fixture, body record) { body["expirationDateTime"] = "2026-11-25T01:00:00Z" }

// ours gives the event more than the fixture does.
func ours(properties record) func(*fixture) {
	return func(f *fixture) {
		f.must(http.StatusOK, http.MethodPatch, "/me/events/"+f.own, properties)
	}
}

func withLifecycle(f *fixture) {
	f.must(http.StatusNoContent, http.MethodDelete, "/subscriptions/"+f.id, nil)
	body := subscriptionTo(f.hook.url)
	body["lifecycleNotificationUrl"] = f.hook.url
	f.id = f.must(http.StatusCreated, http.MethodPost, "/subscriptions", body).json(f.t)["id"].(string)
}

func ofThatDay(_ *fixture, body record) {
	for _, name := range []string{"startTime", "StartTime"} {
		if body[name] != nil {
			body[name] = at(0)
		}
	}
	for _, name := range []string{"endTime", "EndTime"} {
		if body[name] != nil {
			body[name] = at(12)
		}
	}
}

// proposal has bob answer alice's event with another time.
func proposal(f *fixture) {
	body := plain("Lunch", 10, 11)
	body["attendees"] = []any{attendee(bob, "required")}
	f.own = f.create(body)["id"].(string)
	for _, e := range f.as(bob).view() {
		if e["subject"] == "Lunch" {
			f.as(bob).must(http.StatusAccepted, http.MethodPost, "/me/events/"+e["id"].(string)+"/decline", record{"proposedNewTime": record{"start": at(12), "end": at(13)}})
		}
	}
}

// replays tell how each example is replayed.
var replays = map[string]replay{
	"get_event":                    {path: "/me/events/{id}", before: ours(record{"location": record{"displayName": "Assembly Hall"}})},
	"get_event_multiple_locations": {path: "/me/events/{id}", before: ours(record{"locations": []any{record{"displayName": "A"}, record{"displayName": "B"}}})},
	"update_event":                 {change: func(_ *fixture, body record) { delete(body, "responseStatus") }},
	"delete_event":                 {},
	"event_cancel":                 {},
	"event_accept":                 {path: "/me/events/{invited}/accept"},
	"event_decline":                {path: "/me/events/{invited}/decline"},
	"event_tentativelyaccept":      {path: "/me/events/{invited}/tentativelyAccept"},
	"get_instances":                {path: "/me/events/{series}/instances?" + thatDay + "&$select=subject,bodyPreview,seriesMasterId,type,recurrence,start,end"},
	"event_delta":                  {path: "?" + thatDay},
	"event_forward":                {},
	"event_snoozereminder":         {change: func(_ *fixture, body record) { body["newReminderTime"] = at(1) }},
	"event_dismissreminder":        {},

	"create_event_from_user":                                               {},
	"create_event_from_user_multiple_locations":                            {},
	"create_event_recurring":                                               {},
	"create_event_from_user_with_online_meeting":                           {},
	"create_event_from_calendar":                                           {path: "/me/calendars/{calendar-id}/events"},
	"create_event_from_calendar_with_online_meeting":                       {path: "/me/calendars/{calendar-id}/events"},
	"create_send_invitation":                                               {path: "/me/calendars/{calendar-id}/events"},
	"create_event":                                                         {},
	"create_meeting_enable_online":                                         {},
	"singlevaluelegacyextendedproperty-post-singlevalueextendedproperties": {},

	"get_events":                    {before: ours(record{"location": record{"displayName": "Assembly Hall"}})},
	"user_get_calendarview":         {path: "?" + thatDay},
	"get_calendarview":              {path: "?" + thatDay},
	"calendar_get_events":           {},
	"event_get_responses":           {path: "/me/calendar/events/{id}", before: ours(record{"location": record{"displayName": "Home"}})},
	"event_reply_tentativelyaccept": {path: "/me/events/{invited}/tentativelyAccept"},
	"event_tentativelyaccept-2":     {path: "/me/events/{invited}/tentativelyAccept"},
	"event_get":                     {path: "/me/events/{id}", before: proposal},
	"event_update":                  {path: "/me/events/{id}", before: ours(record{"location": record{"displayName": "Harry's Bar"}})},
	"get_event_online_meeting_info": {path: "/me/events/{id}", before: ours(record{"isOnlineMeeting": true})},
	"update_meeting_online":         {path: "/me/events/{id}", before: ours(record{"location": record{"displayName": "Here"}})},

	"user_get_calendars":        {},
	"get_Adele_calendars":       {},
	"create_calendar_from_user": {},
	"get_calendar":              {},
	"update_calendar":           {},
	"delete_calendar":           {path: "/me/calendars/{calendar}"},
	"get_calendar_support_for_online_meeting_providers": {},
	"get_calendar_props_owner":                          {path: "/users/" + alice + "/calendar"},
	"get_calendar_props_delegate":                       {why: "calendars of others can't be added to one's own list"},
	"outlook-get-shared-events-calendars":               {path: "/users/" + alice + "/calendar"},
	"outlook-get-shared-events-calendars-2":             {path: "/users/" + alice + "/calendar/events/{id}"},
	"outlook-get-shared-events-calendars-3":             {why: "its answer belongs to another request: it lists calendars"},

	"calendarpermission-get":      {why: permissions},
	"calendarpermission-get-3":    {why: permissions},
	"get_calendarpermission":      {why: permissions},
	"calendarpermission-update":   {why: permissions},
	"calendarpermission-update-3": {why: permissions},
	"update_calendarpermission":   {why: permissions},
	"update_calendarperm":         {why: permissions},
	"delete_sharee":               {why: permissions},
	"get_calendarperms":           {path: "/users/" + alice + "/calendar/calendarPermissions"},

	"calendar_getSchedule": {change: ofThatDay, before: ours(record{"location": record{"displayName": "Here"}})},
	"calendar_getSchedule_concept": {change: func(f *fixture, body record) {
		ofThatDay(f, body)
		body["Schedules"] = []string{boardroom}
	}},
	"user_findmeetingtimes": {},

	"create_subscription_from_subscriptions": {change: toHook},
	"subscription-get":                       {path: "/subscriptions/{subscription}"},
	"get_subscription":                       {path: "/subscriptions/{subscription}", before: withLifecycle},
	"get_subscriptions":                      {before: withLifecycle},
	"subscription-update":                    {why: noAnswer},
	"update_subscription":                    {path: "/subscriptions/{subscription}", change: renewal, before: withLifecycle},
	"subscription-delete":                    {},
	"delete_subscription":                    {path: "/subscriptions/{subscription}"},
	"webhooks":                               {change: toHook},
	"webhooks-2":                             {path: "/subscriptions/{subscription}", change: renewal},
	"webhooks-3":                             {path: "/subscriptions/{subscription}"},
	"webhooks-lifecycle":                     {change: toHook},
	"webhooks-lifecycle-2":                   {path: "/subscriptions/{subscription}/reauthorize"},
	"webhooks-lifecycle-3":                   {path: "/subscriptions/{subscription}", change: renewal},
	"webhooks-body":                          {why: inTheHook},
	"webhooks-lifecycle-body":                {why: inTheHook},
	"webhooks-lifecycle-body-2":              {why: inTheHook},
	"webhooks-lifecycle-body-3":              {why: inTheHook},
	"change-notification":                    {why: inTheHook},
	"lifecycle-notification":                 {why: inTheHook},

	"post_opentypeextension_3": {path: "/me/events/{id}/extensions"},
	"get_opentypeextension_2": {path: "/me/events/{id}/extensions/Com.Contoso.Deal/", before: func(f *fixture) {
		f.must(http.StatusCreated, http.MethodPost, "/me/events/"+f.own+"/extensions", record{
			"extensionName": "Com.Contoso.Deal", "companyName": "Alpine Skis", "dealValue": 1010100, "expirationDate": "2015-07-03T13:04:00Z",
		})
	}},
	"create_checkinclaim": {path: "/places/boardroom/checkIns", change: func(f *fixture, body record) { body["calendarEventId"] = f.uid }},

	"place-list":                      {why: otherPlaces},
	"place-list-2":                    {why: otherPlaces},
	"get_all_rooms":                   {why: otherPlaces},
	"get_all_roomlists":               {why: otherPlaces},
	"get_rooms_in_roomlist":           {why: otherPlaces},
	"error-places-scope":              {why: otherPlaces},
	"user_supportedtimezones_default": {why: otherSettings},
	"user_supportedtimezones_iana":    {why: otherSettings},
	"get_mailboxsettings_1":           {why: otherSettings},
	"get_mailboxsettings_2":           {why: otherSettings},
	"get_mailboxsettings_3":           {why: otherSettings},
	"get_mailboxsettings_owner":       {why: otherSettings},
	"patch_mailboxsettings_owner":     {why: otherSettings},
	"get_eventmessage_and_event":      {why: "mail is not simulated"},
	"outlook-immutable-id":            {why: "the document has no translateExchangeIds"},

	"json-batching":      {why: noAnswer},
	"batch-request":      {why: "it asks for files, tasks and groups"},
	"json-batching-body": {why: "it tells of files, tasks and groups"},
	"batch-request-2":    {why: "its addresses are left out"},

	"delta-query-events":          {path: "?" + thatDay},
	"get_calendarview_delta_1":    {path: "?" + thatDay, before: ours(record{"location": record{"displayName": "Here"}})},
	"get_calendarview_delta_2":    {why: "its token is unknown; TestDelta follows links"},
	"get_calendarview_delta_3":    {why: "its token is unknown; TestDelta follows links"},
	"get_calendarview_delta_next": {why: "its token is unknown; TestDelta follows links"},

	"errors-body":   {why: justASchema},
	"errors-body-2": {why: justASchema},
	"errors-body-3": {why: justASchema},

	"error-429-mailbox-concurrency": {path: "/me/calendar", before: func(f *fixture) {
		for range 4 {
			f.do(func(now time.Time) { f.graph.usage.enter(pair{f.world.Tenants[0].Apps[0].ClientID, alice}, now) })
		}
	}},
	"error-429-generic": {path: "/me/calendar", before: func(f *fixture) {
		f.fail(faultOf("TooManyRequests"))
	}},
	"error-getschedule-too-many": {status: 400, change: func(_ *fixture, body record) {
		many := []string{}
		for i := range 101 {
			many = append(many, fmt.Sprintf("r%d@contoso.example", i))
		}
		for name, value := range scheduleOf(many...) {
			body[name] = value
		}
	}},
	"error-access-denied":      {scopes: []string{"Calendars.Read"}, change: func(*fixture, record) {}},
	"error-item-not-found":     {as: bob, change: func(*fixture, record) {}, path: "/me/events/{invited}/accept"},
	"error-no-mailbox":         {as: eve, path: "/users/" + eve + "/calendar"},
	"error-resource-not-found": {why: "an unknown user is ErrorInvalidUser here, as elsewhere in the sources"},
	"error-parse-uri":          {path: "/users/" + alice + "/events/AAMk/JP8UpOlBwDJq7RVfltsSbUbFnyf0zTHAAAAAAENAADJq7RVfltsSbUbFnyf0zTHAAAE"},
	"error-occurrence-crossing": {path: "/me/events/{id}", before: func(f *fixture) { f.own = f.occurrences(f.series)[1]["id"].(string) }, change: func(_ *fixture, body record) {
		body["start"], body["end"] = at(1), at(2)
	}},
	"error-cancel-not-organizer": {path: "/me/events/{invited}/cancel", change: func(*fixture, record) {}},
	"error-respond-as-organizer": {path: "/me/events/{id}/accept", before: func(f *fixture) { f.invited = f.own }, change: func(*fixture, record) {}},
	"error-duplicate-transaction": {path: "/me/events", status: 409, before: ours(record{}), change: func(f *fixture, body record) {
		first := plain("First", 2, 3)
		first["transactionId"] = "t-1"
		f.create(first)
		body["subject"], body["start"], body["end"], body["transactionId"] = "Second", at(2), at(3), "t-1"
	}},
	"error-time-zone":  {path: "?" + thatDay, prefer: `outlook.timezone=""`},
	"error-change-key": {why: "it is 409; the other sources say 412, as is answered here (TestChangingAMeeting)"},
	"error-subscription-too-long": {status: 400, change: func(f *fixture, body record) {
		for name, value := range subscriptionTo(f.hook.url) {
			body[name] = value
		}
		body["expirationDateTime"] = "2026-12-24T01:00:00Z"
	}},
	"error-subscription-no-mailbox": {as: eve, status: 400, change: func(f *fixture, body record) {
		for name, value := range subscriptionTo(f.hook.url) {
			body[name] = value
		}
	}},
	"error-body-of-batch-item": {why: "its code is empty, which isn't simulated"},
}
