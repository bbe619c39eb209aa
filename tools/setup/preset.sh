# shellcheck shell=bash
# shellcheck disable=SC2154 # project is set by setup.sh
# What the dev stack starts from: `preset` in its file, with the services, images and memory of
# src/config/presets.json.

dev_preset() {
  local file=$project/Pulumi.dev.yaml name=''
  if [ -r "$file" ]; then
    name=$(sed -n "s/^[[:space:]]*preset:[[:space:]]*[\"']\{0,1\}\([a-z]\{1,\}\).*/\1/p" "$file" | head -n 1)
  fi
  # A wrong name is said by `datalab config validate`.
  if [ -n "$name" ] && [ -n "$(preset_object "$name")" ]; then echo "$name"; else echo full; fi
}

# One preset's object, on one line.
preset_object() {
  tr -d ' \n' <"$project/src/config/presets.json" | sed -n "s/.*\"$1\":{\([^}]*\)}.*/\1/p"
}

# A number of the dev stack's preset.
preset_number() {
  preset_object "$(dev_preset)" | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"
}

# A list of the dev stack's preset, in words; nothing where it has none, which means all.
preset_list() {
  preset_object "$(dev_preset)" | sed -n "s/.*\"$1\":\[\([^]]*\)\].*/\1/p" | tr -d '"' | tr ',' ' '
}
