// Package msgraph simulates Microsoft Graph's calendars over package exchange:
// paths, permissions, OData, batches, change tracking, subscriptions, limits and
// errors, as strict as the real ones
// (https://learn.microsoft.com/graph/api/resources/calendar-overview).
//
// Not simulated: application permissions, attachments, calendar groups, adding a
// shared calendar to one's own list, places but for check-ins, resource data in
// notifications.
package msgraph
