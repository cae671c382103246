package msgraph

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
)

// A subscription is who wants to be told of a mailbox's changes
// (https://learn.microsoft.com/graph/api/resources/subscription).
type subscription struct {
	ID           string    `json:"id"`
	App          string    `json:"app"`
	Tenant       string    `json:"tenant"`
	Owner        string    `json:"owner"` // object id
	Mailbox      string    `json:"mailbox"`
	Resource     string    `json:"resource"`
	Kinds        []string  `json:"kinds"`
	URL          string    `json:"url"`
	LifecycleURL string    `json:"lifecycle_url,omitempty"`
	ClientState  string    `json:"client_state,omitempty"`
	Expires      time.Time `json:"expires"`
	Immutable    bool      `json:"immutable,omitempty"`
}

// Limits of subscriptions to Outlook's resources.
const (
	minSubscription    = 45 * time.Minute
	maxSubscription    = 10_080 * time.Minute
	maxClientState     = 128
	maxPerMailbox      = 1000
	handshakeTimeLimit = 10 * time.Second
)

func (g *Graph) subscriptionRoutes() {
	g.handle("GET "+root+"/subscriptions", nil, noMailbox, g.listSubscriptions)
	g.handle("POST "+root+"/subscriptions", needsSubscription, noMailbox, g.subscribe)
	g.handle("GET "+root+"/subscriptions/{subscription}", nil, noMailbox, g.getSubscription)
	g.handle("PATCH "+root+"/subscriptions/{subscription}", needsSubscription, owns, g.renew)
	g.handle("DELETE "+root+"/subscriptions/{subscription}", nil, noMailbox, g.unsubscribe)
	g.handle("POST "+root+"/subscriptions/{subscription}/reauthorize", needsSubscription, owns, g.reauthorize)
}

// shown is a subscription as a cloud shows it.
func (s *subscription) shown(cloud string) map[string]any {
	m := map[string]any{
		"id": s.ID, "applicationId": s.App, "creatorId": s.Owner, "resource": s.Resource, "changeType": strings.Join(s.Kinds, ","),
		"notificationUrl": s.URL, "lifecycleNotificationUrl": nil, "clientState": nil, "expirationDateTime": s.Expires.UTC().Format(instant),
		"includeResourceData": nil, "latestSupportedTlsVersion": "v1_2", "encryptionCertificate": nil, "encryptionCertificateId": nil,
		"notificationQueryOptions": nil, "notificationUrlAppId": nil,
	}
	if s.LifecycleURL != "" {
		m["lifecycleNotificationUrl"] = s.LifecycleURL
	}
	if s.ClientState != "" {
		m["clientState"] = s.ClientState
	}
	if cloud == "21vianet" { // doesn't know these two
		delete(m, "notificationQueryOptions")
		delete(m, "notificationUrlAppId")
	}
	return m
}

// A wantedSubscription is what a request asks for.
type wantedSubscription struct {
	ChangeType, Resource, NotificationURL, LifecycleNotificationURL, ClientState, LatestSupportedTLSVersion string

	ExpirationDateTime  time.Time
	IncludeResourceData bool
}

// subscribe makes a subscription after its address has answered a handshake,
// for which the door is left.
func (g *Graph) subscribe(v *call) (front.Reply, error) {
	var want wantedSubscription
	if err := v.parameters(&want); err != nil {
		return front.Reply{}, err
	}
	s, err := g.newSubscription(v, want)
	if err != nil {
		return front.Reply{}, err
	}
	return front.Reply{Detour: func(ctx context.Context) func(*front.Call) front.Reply {
		err := g.news.validate(ctx, s)
		return func(c *front.Call) front.Reply {
			if err == nil && g.news.has(s) { // another handshake was faster
				err = errDuplicate
			}
			if err != nil {
				return refusal(c, err)
			}
			g.news.add(s)
			m := s.shown(c.Cloud.Name)
			m["@odata.context"] = v.Cloud.Graph + root + "/$metadata#subscriptions/$entity"
			return graphHeaders(c, front.JSON(http.StatusCreated, m))
		}
	}}, nil
}

var errDuplicate = exchange.Refuse("Conflict", "Subscription already exists for the specified combination of parameters.")

func (g *Graph) newSubscription(v *call, want wantedSubscription) (*subscription, error) {
	if v.box == nil {
		return nil, badRequest("ExtensionError", "Operation: Create; Exception: [Status Code: NotFound; Reason: REST API is not yet supported for this mailbox.]")
	}
	s := &subscription{
		ID: uuid.NewString(), App: v.App.ClientID, Tenant: v.Tenant.ID, Owner: v.Person.ID, Mailbox: v.box.Address(),
		Resource: want.Resource, URL: want.NotificationURL, LifecycleURL: want.LifecycleNotificationURL, ClientState: want.ClientState,
		Immutable: v.prefer.immutableID,
	}
	for kind := range strings.SplitSeq(want.ChangeType, ",") {
		if kind = strings.ToLower(strings.TrimSpace(kind)); !slices.Contains([]string{exchange.Created, exchange.Updated, exchange.Deleted}, kind) {
			return nil, badRequest("ExtensionError", "The changeType '%s' isn't supported.", want.ChangeType)
		}
		s.Kinds = append(s.Kinds, kind)
	}
	if err := v.checkResource(want.Resource); err != nil {
		return nil, err
	}
	for _, address := range []string{want.NotificationURL, cmp.Or(want.LifecycleNotificationURL, want.NotificationURL)} {
		if !isLoopback(address) {
			return nil, badRequest("ValidationError", "'%s' has to be an address on loopback: m365sim sends nothing elsewhere.", address)
		}
	}
	var err error
	switch s.Expires, err = expiry(v.Now, want.ExpirationDateTime); {
	case err != nil:
		return nil, err
	case g.news.client == nil:
		return nil, badRequest("ExtensionError", "m365sim was started without change notifications.")
	case want.IncludeResourceData:
		return nil, badRequest("ExtensionError", "m365sim does not simulate resource data in notifications.")
	case len(want.ClientState) > maxClientState:
		return nil, badRequest("ExtensionError", "The clientState is longer than %d characters.", maxClientState)
	case len(g.news.of(v.box.Address(), v.Now)) >= maxPerMailbox:
		return nil, badRequest("ExtensionError", "The mailbox has %d subscriptions already.", maxPerMailbox)
	case g.news.has(s):
		return nil, errDuplicate
	}
	return s, nil
}

// checkResource lets one's own events pass: delegated permissions don't reach
// further.
func (v *call) checkResource(resource string) error {
	path := canonical(&http.Request{URL: &url.URL{Path: "/" + strings.TrimPrefix(resource, "/")}}).URL.Path
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if segments[0] == "users" && len(segments) > 1 {
		if !strings.EqualFold(segments[1], v.Person.ID) && !strings.EqualFold(segments[1], v.Person.Mail) {
			return exchange.ErrAccessDenied
		}
		segments = append([]string{"me"}, segments[2:]...)
	}
	if own := strings.Join(segments, "/"); own != "me/events" && own != "me/calendar/events" {
		return badRequest("ExtensionError", "m365sim knows subscriptions to me/events only, not to '%s'.", resource)
	}
	return nil
}

func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// expiry is when a subscription ends: not sooner than in 45 minutes, whatever is
// asked for.
func expiry(now, asked time.Time) (time.Time, error) {
	switch {
	case !asked.After(now):
		return asked, badRequest("ExtensionError", "Subscription expiration can only be in the future.")
	case asked.Sub(now) > maxSubscription:
		return asked, badRequest("ExtensionError", "Subscription expiration can only be %d minutes in the future.", int(maxSubscription.Minutes()))
	case asked.Sub(now) < minSubscription:
		return now.Add(minSubscription), nil
	}
	return asked, nil
}

// own finds the subscription of the path, if it is the caller's.
func (g *Graph) own(v *call) (*subscription, error) {
	s := g.news.subscriptions.Get(v.PathValue("subscription"))
	if s == nil || s.App != v.App.ClientID || s.Owner != v.Person.ID || v.Now.After(s.Expires) {
		return nil, badRequest("ResourceNotFound", "The object was not found.")
	}
	return s, nil
}

func (g *Graph) listSubscriptions(v *call) (front.Reply, error) {
	value := []any{}
	for _, s := range g.news.of(strings.ToLower(v.Person.Mail), v.Now) {
		if s.App == v.App.ClientID {
			value = append(value, s.shown(v.Cloud.Name))
		}
	}
	return front.JSON(http.StatusOK, map[string]any{"@odata.context": v.Cloud.Graph + root + "/$metadata#subscriptions", "value": value}), nil
}

func (g *Graph) getSubscription(v *call) (front.Reply, error) {
	s, err := g.own(v)
	if err != nil {
		return front.Reply{}, err
	}
	return front.JSON(http.StatusOK, s.shown(v.Cloud.Name)), nil
}

func (g *Graph) renew(v *call) (front.Reply, error) {
	s, err := g.own(v)
	if err != nil {
		return front.Reply{}, err
	}
	var want struct {
		ExpirationDateTime time.Time
		NotificationURL    string
	}
	if err := v.parameters(&want); err != nil {
		return front.Reply{}, err
	}
	if want.NotificationURL != "" && want.NotificationURL != s.URL {
		return front.Reply{}, badRequest("ExtensionError", "m365sim does not simulate another notificationUrl for a subscription.")
	}
	until, err := expiry(v.Now, want.ExpirationDateTime)
	if err != nil {
		return front.Reply{}, err
	}
	s.Expires = until
	g.news.subscriptions.Put(s.ID, s)
	return front.JSON(http.StatusOK, s.shown(v.Cloud.Name)), nil
}

func (g *Graph) unsubscribe(v *call) (front.Reply, error) {
	s, err := g.own(v)
	if err != nil {
		return front.Reply{}, err
	}
	g.news.subscriptions.Delete(s.ID)
	return front.Reply{Status: http.StatusNoContent}, nil
}

func (g *Graph) reauthorize(v *call) (front.Reply, error) {
	if _, err := g.own(v); err != nil {
		return front.Reply{}, err
	}
	return front.Reply{Status: http.StatusNoContent}, nil
}
