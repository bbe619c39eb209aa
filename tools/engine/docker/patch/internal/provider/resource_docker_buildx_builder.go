package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// The provider's table of resources names it; main.go does not bridge it.
func resourceDockerBuildxBuilder() *schema.Resource {
	leftOut := func(context.Context, *schema.ResourceData, interface{}) diag.Diagnostics {
		return diag.FromErr(errLeftOut)
	}
	return &schema.Resource{
		CreateContext: leftOut,
		ReadContext:   leftOut,
		DeleteContext: leftOut,
		Schema:        map[string]*schema.Schema{"name": {Type: schema.TypeString, Optional: true, ForceNew: true}},
	}
}
