# A part of the break-glass file: functions for bash with curl, grep and sed, to be pasted once into a shell.
RAILWAY_API_URL=${RAILWAY_API_URL:-@API@}
: "${@TOKEN@:?put the token into @TOKEN@ first}"

# Sends one request. What the commands below find out takes the place of @DEPLOYMENT@ and its like.
railway_api() {
  local body
  body=$(cat)
  body=${body//@DEPLOYMENT@/"$DEPLOYMENT"}
  body=${body//@BACKUP@/"$BACKUP"}
  body=${body//@SERVICE@/"$SERVICE"}
  body=${body//@VOLUME@/"$VOLUME"}
  body=${body//@WORKFLOW@/"$WORKFLOW"}
  body=${body//@SECRET@/"$SECRET"}
  printf '%s' "$body" | curl -sS --max-time 90 -H 'Content-Type: application/json' \
    -K <(printf 'header = "@HEADER@%s"\n' "$@TOKEN@") --data-binary @- "$RAILWAY_API_URL"
  echo
}

# Every value of one field in an answer.
field() { grep -o "\"$1\":\"[^\"]*\"" | cut -d '"' -f 4; }

# Each object of an answer on its own line.
objects() { tr '{' '\n'; }

# Waits until Railway has done the work in the background that WORKFLOW names.
wait_for_workflow() {
  until railway_api <<'JSON' | field status | grep -qx -e Complete -e NotFound
{"query":"query($id: String!) { workflowStatus(workflowId: $id) { status error } }","variables":{"id":"@WORKFLOW@"}}
JSON
  do sleep 2; done
}
