package gate

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// People are those whom one of these names.
type People struct {
	// Everybody whom the provider lets in.
	Anyone  bool     `json:"anyone,omitempty"`
	Emails  []string `json:"emails,omitempty"`
	Domains []string `json:"domains,omitempty"`
	Groups  []string `json:"groups,omitempty"`
}

func (p People) byEmail() bool { return len(p.Emails)+len(p.Domains) > 0 }
func (p People) nobody() bool  { return !p.Anyone && !p.byEmail() && len(p.Groups) == 0 }

func (p People) include(email string, groups []string) bool {
	_, domain, _ := strings.Cut(email, "@")
	return p.Anyone ||
		(email != "" && slices.ContainsFunc(p.Emails, func(one string) bool { return strings.EqualFold(one, email) })) ||
		(domain != "" && slices.ContainsFunc(p.Domains, func(one string) bool { return strings.EqualFold(one, domain) })) ||
		slices.ContainsFunc(p.Groups, func(one string) bool { return slices.Contains(groups, one) })
}

// claims is what a provider says of a person.
type claims map[string]any

// get finds a claim by its name, or by the names on the way to it (realm_access.roles).
func (c claims) get(name string) any {
	if value, found := c[name]; found {
		return value
	}
	var value any = map[string]any(c)
	for _, step := range strings.Split(name, ".") {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = inner[step]
	}
	return value
}

func (c claims) list(name string) []string {
	switch value := c.get(name).(type) {
	case string:
		return []string{value}
	case []any:
		var all []string
		for _, each := range value {
			if text, ok := each.(string); ok {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

// email is an address that the provider has verified; empty: there is none. With just anybody's word for it,
// who can have an account there could be whom he likes.
func (o *OIDC) email(said claims) string {
	address, _ := said["email"].(string)
	switch verified := said["email_verified"].(type) {
	case bool:
		if !verified {
			return ""
		}
	case string: // some providers write it so
		if verified != "true" {
			return ""
		}
	default:
		if !o.TrustEmails {
			return ""
		}
	}
	if strings.Count(address, "@") != 1 {
		return ""
	}
	return address
}

// What can stand in a header, and in a list of who did what.
var userName = regexp.MustCompile(`^[!-~]{1,128}$`)

// who finds the user's name in what the provider says, and whether it may come in and run the platform.
func (o *OIDC) who(said claims, taken func(name string) bool) (name string, admin, allowed bool, err error) {
	name, _ = said.get(o.UserClaim).(string)
	email := o.email(said)
	if o.UserClaim == "email" {
		name = email
	}
	switch {
	case name == "" && o.UserClaim == "email" && said["email"] != nil:
		return "", false, false, errors.New("the e-mail address is not verified (services.gateway.options.oidc.trustEmails)")
	case !userName.MatchString(name):
		return "", false, false, fmt.Errorf("the claim %s holds no name of at most 128 ASCII characters without spaces", o.UserClaim)
	case taken(name):
		return "", false, false, fmt.Errorf("the name %s is one of the gateway's own", name)
	}
	groups := said.list(o.GroupsClaim)
	admin = o.Admins.include(email, groups)
	return name, admin, admin || o.Allowed.include(email, groups), nil
}
