package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// maxPages bounds how many pages of one list are read.
const maxPages = 50

// page is one page of a list.
type page[T any] struct {
	Value    []T    `json:"value"`
	NextLink string `json:"@odata.nextLink"`
}

// list calls yield for each item of a list until it returns false.
func list[T any](ctx context.Context, c *Client, mb Mailbox, name, target string, yield func(T) bool) error {
	for range maxPages {
		var p page[T]
		if err := c.do(ctx, mb, call{name: name, method: http.MethodGet, target: target, read: true}, &p); err != nil {
			return err
		}
		for _, item := range p.Value {
			if !yield(item) {
				return nil
			}
		}
		if p.NextLink == "" {
			return nil
		}
		target = p.NextLink
	}
	return fmt.Errorf("a list of Microsoft Graph has more than %d pages", maxPages)
}

// encode writes a query with spaces as %20, which no reader takes for a plus.
func encode(query url.Values) string {
	return strings.ReplaceAll(query.Encode(), "+", "%20")
}

// quote writes a string of OData
// (https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html#sec_PrimitiveLiterals).
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
