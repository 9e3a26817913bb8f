-- Reads JSON bodies strictly, names their fields to the services, and writes the refusals of the edge.
--
-- The head of a request was read by `request.lua`, which says in metadata what is wrong with it.
-- The transcoder behind this filter drops fields that it does not know and accepts things that are not JSON. So the body is
-- read here first: anything that is not strict JSON is refused, and the paths of its keys (never a value) go to the service in
-- `x-payera-body-fields`, where they are compared with the contract. One pass, linear in the size of the body.

local DEPTH_MAX = 8
local PATHS_MAX = 200
local PATHS_BYTES_MAX = 6000
local VALUES_MAX = 4000
local KEY_BYTES_MAX = 64
-- A key with this many digits may be a card number in the wrong place.
local KEY_DIGITS_MAX = 11

-- The transcoder writes a broken message for an object in a map, and takes any string for a boolean ("no" is true). So these
-- field names of the public contracts are checked here; a test compares them with the descriptors.
local MAPS = { metadata = true, secrets = true, settings = true }
local BOOLEANS = { approval_required = true, card_code_required = true, final = true, live = true, off = true, store_card = true }
-- The transcoder takes "+10" and "010" for ten. Integers that come as strings have one way to be written.
local INTEGERS = {
  amount = true, basis_points = true, calls_per_second = true, concurrent_calls = true, days = true, exp_month = true,
  exp_year = true, expected_active_version = true, explore_ppm = true, exponent = true, key_version = true,
  max_attempts = true, minor_units = true, older_than_days = true, overlap_seconds = true, payments_max = true,
  success_weight = true, value = true, version = true, weight = true,
}
-- PSPs' webhooks pass as they came: their signatures cover the exact bytes.
local WEBHOOKS = "/v1/psp-webhooks/"
local WEBHOOK_BYTES_MAX = 1048576

-- What a caller may be told by a service. Everything else of an answer stays inside.
local RESPONSE_HEADERS = {
  ["allow"] = true, ["cache-control"] = true, ["content-length"] = true, ["content-security-policy"] = true,
  ["content-type"] = true, ["date"] = true, ["idempotent-replayed"] = true, ["retry-after"] = true,
  ["transfer-encoding"] = true, ["vary"] = true, ["www-authenticate"] = true, ["x-request-id"] = true,
  ["access-control-allow-headers"] = true, ["access-control-allow-methods"] = true,
  ["access-control-allow-origin"] = true, ["access-control-expose-headers"] = true, ["access-control-max-age"] = true,
}

-- The entries of the error catalogue that are decided here; tests compare them with reason.proto.
local CATALOGUE = {
  MALFORMED_BODY = {
    code = 3, message = "The request body could not be read: {detail}",
    remedy = "Send a JSON object whose fields have the types of the API reference; amounts are integers in minor units.",
  },
  UNKNOWN_PARAMETER = {
    code = 3, message = "Unknown query parameter: {detail}",
    remedy = "Remove or rename the parameter; see the API reference.",
  },
  INVALID_FIELD = {
    code = 3, message = "{detail}", remedy = "Correct the fields named in the details.",
  },
  BODY_TOO_LARGE = {
    code = 3, message = "The request body is larger than {limit} bytes.",
    remedy = "Send a smaller body; long texts do not belong in a payment.",
  },
  CARD_NUMBER_IN_TEXT = {
    code = 3, message = "`{field}` looks like a card number; card numbers are taken by /v1/tokens only.",
    remedy = "Remove the number. If it is not a card number, write it with letters or a prefix.",
  },
  IDEMPOTENCY_KEY_INVALID = {
    code = 3, message = "The `Idempotency-Key` must have 1 to 255 visible ASCII characters.",
    remedy = "Send a shorter key, such as a UUID.",
  },
  OVERLOADED = {
    code = 8, message = "Too many calls at once.",
    remedy = "Repeat the call after the time in `Retry-After`, with the same key.",
  },
  UNAVAILABLE = {
    code = 14, message = "Payera can't take this call right now.",
    remedy = "Repeat the call with the same `Idempotency-Key`.",
  },
  DEADLINE_EXCEEDED = {
    code = 4, message = "The call took longer than its deadline.",
    remedy = "Repeat the call with the same `Idempotency-Key`; it never executes twice.",
  },
  INTERNAL = {
    code = 13, message = "Something went wrong at Payera.",
    remedy = "Repeat the call with the same `Idempotency-Key`; quote the request id when you ask for help.",
  },
}

local byte, find, format, gsub, lower, sub = string.byte, string.find, string.format, string.gsub, string.lower, string.sub

-- JSON out -----------------------------------------------------------------------------------------------------------

local function quoted(text)
  local escaped = gsub(text, '[%z\1-\31"\\\127-\255]', function(character)
    return format("\\u%04x", byte(character))
  end)
  return '"' .. escaped .. '"'
end

local function violation_json(field, description)
  return ',{"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[{"field":' .. quoted(field)
    .. ',"description":' .. quoted(description) .. "}]}"
end

local function refusal_json(reason, detail, request_id, field, limit)
  local entry = CATALOGUE[reason]
  local message, shown = entry.message, ""
  if limit then
    message = gsub(message, "{limit}", limit)
    shown = '"limit":"' .. limit .. '",'
  end
  if detail then
    message = gsub(message, "{detail}", function() return detail end)
    shown = '"detail":' .. quoted(detail) .. ","
  elseif field then
    message = gsub(message, "{field}", function() return field end)
    shown = '"field":' .. quoted(field) .. ","
  end
  return '{"code":' .. entry.code .. ',"message":' .. quoted(message)
    .. ',"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"' .. reason
    .. '","domain":"payera.dev","metadata":{' .. shown .. '"remedy":' .. quoted(entry.remedy)
    .. ',"doc":"https://payera.dev/errors#' .. gsub(lower(reason), "_", "-") .. '","request_id":' .. quoted(request_id) .. "}}"
    .. (field and violation_json(field, detail or message) or "") .. "]}"
end

-- JSON in ------------------------------------------------------------------------------------------------------------

-- Raised as a table, so that a fault of this script can be told from a fault of the body.
local function refuse(detail)
  error({ detail = detail }, 0)
end

local function shown_key(key)
  if key == "" or #key > KEY_BYTES_MAX then
    return "?"
  end
  local _, digits = gsub(key, "%d", "")
  if digits > KEY_DIGITS_MAX then
    return "?"
  end
  -- A dot or comma of the key itself would read as a separator, and a percent sign as an escape.
  return (gsub(key, "[^\33-\36\38-\43\45\47-\126]", "?"))
end

local function place(path)
  return path == "" and "the body" or "`" .. path .. "`"
end

local function utf8_end(text, position)
  local first, second = byte(text, position, position + 1)
  second = second or 0
  if first >= 194 and first <= 223 then
    if second >= 128 and second <= 191 then return position + 1 end
  elseif first >= 224 and first <= 239 then
    local least = first == 224 and 160 or 128
    local most = first == 237 and 159 or 191
    if second >= least and second <= most and find(text, "^[\128-\191]", position + 2) then return position + 2 end
  elseif first >= 240 and first <= 244 then
    local least = first == 240 and 144 or 128
    local most = first == 244 and 143 or 191
    if second >= least and second <= most and find(text, "^[\128-\191][\128-\191]", position + 2) then return position + 3 end
  end
  return nil
end

local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

-- Gives what `\uXXXX` at `position` (of the backslash) stands for, and the position behind it.
local function unicode_escape(text, position, path)
  local hex = string.match(text, "^\\u(%x%x%x%x)", position)
  if not hex then refuse("a string in " .. place(path) .. " has a broken escape.") end
  local code = tonumber(hex, 16)
  position = position + 6
  if code == 0 then refuse("a string in " .. place(path) .. " has a NUL character.") end
  if code >= 0xD800 and code <= 0xDFFF then
    local low = string.match(text, "^\\u(%x%x%x%x)", position)
    local second = low and tonumber(low, 16) or 0
    if code >= 0xDC00 or second < 0xDC00 or second > 0xDFFF then
      refuse("a string in " .. place(path) .. " has half a surrogate pair.")
    end
    code = 0x10000 + (code - 0xD800) * 0x400 + (second - 0xDC00)
    position = position + 6
  end
  if code < 0x80 then return string.char(code), position end
  local tail = {}
  local lead = 0xC0
  local limit = 0x20
  repeat
    table.insert(tail, 1, string.char(0x80 + code % 64))
    code = math.floor(code / 64)
    if code >= limit then lead, limit = lead / 2 + 0x80, limit / 2 end
  until code < limit
  return string.char(lead + code) .. table.concat(tail), position
end

-- Reads a string whose opening quote is at `position`; gives the position behind it and, when `wanted`, its decoded text.
local function scan_string(text, position, path, wanted)
  local start = position + 1
  local from = start
  local parts
  while true do
    local stop = find(text, '[%z\1-\31"\\\128-\255]', from)
    if not stop then refuse("a string in " .. place(path) .. " does not end.") end
    local character = byte(text, stop)
    if character == 34 then
      if not wanted then return stop + 1 end
      local rest = sub(text, start, stop - 1)
      if not parts then return stop + 1, rest end
      parts[#parts + 1] = rest
      return stop + 1, table.concat(parts)
    elseif character == 92 then
      local escaped, behind = ESCAPES[sub(text, stop + 1, stop + 1)], stop + 2
      if not escaped then escaped, behind = unicode_escape(text, stop, path) end
      if wanted then
        parts = parts or {}
        parts[#parts + 1] = sub(text, start, stop - 1)
        parts[#parts + 1] = escaped
      end
      start, from = behind, behind
    elseif character < 32 then
      refuse("a string in " .. place(path) .. " has a control character that is not escaped.")
    else
      local last = utf8_end(text, stop)
      if not last then refuse("a string in " .. place(path) .. " is not UTF-8.") end
      from = last + 1
    end
  end
end

local function scan_number(text, position, path)
  local _, last = find(text, "^%-?[1-9]%d*", position)
  if not last then _, last = find(text, "^%-?0", position) end
  if not last then refuse("a value in " .. place(path) .. " is not JSON.") end
  local following = sub(text, last + 1, last + 1)
  if following == "." or following == "e" or following == "E" then
    -- 10.00 would become 10 minor units further on: a tenth of a euro instead of ten.
    refuse(place(path) .. " is a decimal number; numbers are integers, and amounts are in minor units.")
  end
  if find(following, "%w") then refuse("a value in " .. place(path) .. " is not JSON.") end
  return last + 1
end

local function behind_space(text, position)
  local _, last = find(text, "^[ \t\r\n]*", position)
  return last + 1
end

local function add_path(state, path)
  if state.seen[path] then return end
  state.seen[path] = true
  state.count = state.count + 1
  state.bytes = state.bytes + #path + 1
  if state.count > PATHS_MAX or state.bytes > PATHS_BYTES_MAX then refuse("it has too many fields.") end
  state.paths[state.count] = path
end

-- Tells whether a string in place of an integer has a plus sign, a zero too many or an escape.
local function is_odd_integer(text, position)
  if find(text, '^"0"', position) then return false end
  return find(text, '^"%+', position) or find(text, '^"%-?0', position) or find(text, '^"[^"]*\\', position)
end

local scan_value

local function scan_object(state, position, path, depth)
  local text = state.text
  local keys = {}
  position = behind_space(text, position + 1)
  if byte(text, position) == 125 then return position + 1 end
  while true do
    if byte(text, position) ~= 34 then refuse(place(path) .. " is not a JSON object.") end
    local key
    position, key = scan_string(text, position, path, true)
    local key_path = shown_key(key)
    if path ~= "" then key_path = path .. "." .. key_path end
    local canonical = key
    -- The transcoder takes `captureMethod` for `capture_method`; both at once would contradict each other.
    if not MAPS[path] and find(key, "%u") then
      canonical = gsub(key, "%u", function(letter) return "_" .. lower(letter) end)
    end
    if keys[canonical] then refuse("`" .. key_path .. "` stands there twice.") end
    keys[canonical] = true
    add_path(state, key_path)
    position = behind_space(text, position)
    if byte(text, position) ~= 58 then refuse("`" .. key_path .. "` has no value.") end
    position = behind_space(text, position + 1)
    local quote = byte(text, position) == 34
    if MAPS[path] then
      if not quote then refuse("`" .. key_path .. "` is not a string.") end
    elseif BOOLEANS[key] and quote then
      refuse("`" .. key_path .. "` is not true or false.")
    elseif INTEGERS[canonical] and quote and is_odd_integer(text, position) then
      refuse("`" .. key_path .. "` is not an integer of at most 64 bits.")
    end
    position = behind_space(text, scan_value(state, position, key_path, depth))
    local separator = byte(text, position)
    if separator == 125 then return position + 1 end
    if separator ~= 44 then refuse(place(path) .. " is not a JSON object.") end
    position = behind_space(text, position + 1)
  end
end

local function scan_array(state, position, path, depth)
  local text = state.text
  position = behind_space(text, position + 1)
  if byte(text, position) == 93 then return position + 1 end
  while true do
    position = behind_space(text, scan_value(state, position, path, depth))
    local separator = byte(text, position)
    if separator == 93 then return position + 1 end
    if separator ~= 44 then refuse(place(path) .. " is not a JSON array.") end
    position = behind_space(text, position + 1)
  end
end

local LITERALS = { [116] = "^true", [102] = "^false", [110] = "^null" }

function scan_value(state, position, path, depth)
  local text = state.text
  state.values = state.values + 1
  if state.values > VALUES_MAX then refuse("it has too many values.") end
  local first = byte(text, position)
  if first == 34 then return (scan_string(text, position, path, false)) end
  if first == 123 or first == 91 then
    if depth >= DEPTH_MAX then refuse("it is nested too deeply.") end
    if first == 123 then return scan_object(state, position, path, depth + 1) end
    return scan_array(state, position, path, depth + 1)
  end
  if not first then refuse("it ends too early.") end
  local literal = LITERALS[first]
  if not literal then return scan_number(text, position, path) end
  local _, last = find(text, literal, position)
  if not last or find(text, "^%w", last + 1) then refuse("a value in " .. place(path) .. " is not JSON.") end
  return last + 1
end

-- Gives the comma-separated paths of all keys of a JSON object, parents before children; raises a table for anything else.
local function body_fields(text)
  if text == "" then return "" end
  local position = behind_space(text, 1)
  if byte(text, position) ~= 123 then refuse("it is not a JSON object.") end
  local state = { text = text, seen = {}, paths = {}, count = 0, bytes = 0, values = 0 }
  position = behind_space(text, scan_object(state, position, "", 1))
  if position <= #text then refuse("something follows the JSON object.") end
  return table.concat(state.paths, ",")
end

-- Requests -----------------------------------------------------------------------------------------------------------

local function refuse_request(handle, status, refusal, request_id)
  handle:streamInfo():dynamicMetadata():set("payera", "refused", "true")
  handle:respond(
    { [":status"] = status, ["content-type"] = "application/json" },
    refusal_json(refusal.reason, refusal.detail, request_id, refusal.field, refusal.limit)
  )
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local method = headers:get(":method")
  if sub(headers:get(":path") or "", 1, 4) ~= "/v1/" then return end
  local seen = handle:streamInfo():dynamicMetadata():get("payera")
  local request_id = seen.request.request_id
  if seen.problem then return refuse_request(handle, "400", seen.problem, request_id) end
  if sub(headers:get(":path"), 1, #WEBHOOKS) == WEBHOOKS then
    local webhook = handle:body()
    if webhook and webhook:length() > WEBHOOK_BYTES_MAX then
      local refusal = { reason = "BODY_TOO_LARGE", limit = tostring(WEBHOOK_BYTES_MAX) }
      return refuse_request(handle, "413", refusal, request_id)
    end
    handle:headers():replace("x-payera-body-fields", "")
    return
  end
  local body = handle:body()
  if not body then
    -- Services can tell a call without a body from one that this filter did not see.
    if method ~= "GET" then handle:headers():replace("x-payera-body-fields", "") end
    return
  end
  local good, result = pcall(function()
    if method == "GET" and body:length() > 0 then refuse("a GET takes none.") end
    return body_fields(body:getBytes(0, body:length()))
  end)
  if good then
    -- The headers got before the body was waited for are out of scope by now.
    handle:headers():replace("x-payera-body-fields", result)
  elseif type(result) == "table" then
    refuse_request(handle, "400", { reason = "MALFORMED_BODY", detail = result.detail }, request_id)
  else
    handle:logErr("body fields: " .. tostring(result))
    refuse_request(handle, "500", { reason = "INTERNAL" }, request_id)
  end
end

-- Answers ------------------------------------------------------------------------------------------------------------

local function keep_only(headers, allowed)
  local unwanted = {}
  for name in pairs(headers) do
    if byte(name) ~= 58 and not allowed[name] then unwanted[#unwanted + 1] = name end
  end
  for _, name in ipairs(unwanted) do headers:remove(name) end
end

local TYPES = {
  TYPE_INT64 = "is not an integer of at most 64 bits.",
  TYPE_INT32 = "is not an integer of at most 32 bits.",
  TYPE_STRING = "is not a string.",
  TYPE_BOOL = "is not true or false.",
  ["google.protobuf.Timestamp"] = "is not a time such as 2026-01-31T12:00:00Z.",
}

local function shown_path_of_field(path)
  -- A map's keys are the caller's own words: name the map alone.
  local known = string.match(path, "^[^%[]*")
  return (gsub(known, "[^.]+", shown_key))
end

-- Gives reason, detail and field of what the transcoder refused. Its text may quote values, so nothing but names that are in
-- the contract, and names of query parameters, is taken over.
local function explain(text, has_body)
  local parameter = string.match(text, '^Could not find field "(.-)" in the type')
  if parameter then return "UNKNOWN_PARAMETER", "`" .. shown_path_of_field(parameter) .. "`.", nil end
  local reason = has_body and "MALFORMED_BODY" or "INVALID_FIELD"
  local bound = string.match(text, "^The binding value .* of the field ([%w_.]+) is conflicting with")
  if bound then return reason, "`" .. bound .. "` contradicts the path.", bound end
  local scalar = string.match(text, "Starting an object on a scalar field for type ([%w_]+)$")
  if scalar then return reason, "`" .. scalar .. "` takes no object.", scalar end
  local map = string.match(text, "Cannot bind a list to map for field '([%w_]+)'")
  if map then return reason, "`" .. map .. "` takes no list.", map end
  local path, kind = string.match(text, "^([%w_.%[%]]+): invalid value .* for type ([%w_./]+)$")
  if not path then return reason, "a value has a type that its field does not take.", nil end
  local field = shown_path_of_field(path)
  local said = TYPES[gsub(kind, "^type%.googleapis%.com/", "")] or "has a value that the API reference does not list."
  return reason, "`" .. field .. "` " .. said, field
end

local function retry_after(text)
  local seconds, fraction = string.match(text, '"retry_?[dD]elay"%s*:%s*"(%d+)%.?(%d*)s"')
  if not seconds or #seconds > 6 then return nil end
  return tostring(tonumber(seconds) + (find(fraction, "[1-9]") and 1 or 0))
end

-- What an error of a service means when it does not say so itself: gRPC made it, not our code, and its text may say too much.
local UNEXPLAINED = { ["429"] = "OVERLOADED", ["503"] = "UNAVAILABLE", ["504"] = "DEADLINE_EXCEEDED" }

local function replace_body(handle, body, text)
  handle:headers():replace("content-length", body:setBytes(text))
  handle:headers():replace("content-type", "application/json")
end

local function explain_refusal(handle, body, text, seen)
  local good, reason, detail, field = pcall(explain, text, seen.method ~= "GET")
  if not good then reason, detail = "MALFORMED_BODY", "a value has a type that its field does not take." end
  if reason ~= "INVALID_FIELD" then field = nil end
  replace_body(handle, body, refusal_json(reason, detail, seen.request_id or "", field))
end

local function check_error(handle, body, text, status, seen)
  if not find(text, '"domain":"payera.dev"', 1, true) then
    local reason = UNEXPLAINED[status] or "INTERNAL"
    if reason == "INTERNAL" then handle:headers():replace(":status", "500") end
    replace_body(handle, body, refusal_json(reason, nil, seen.request_id or ""))
  end
  local seconds = not handle:headers():get("retry-after") and retry_after(text)
  if seconds then handle:headers():replace("retry-after", seconds) end
  if status == "401" then handle:headers():replace("www-authenticate", "Bearer") end
end

local STATUS_OF_CODE = { ["3"] = "400", ["4"] = "504", ["5"] = "404", ["8"] = "429", ["14"] = "503" }

-- To a caller whose content type is gRPC's, Envoy answers 200 and hides its own refusals in a header. Gives the refusal back.
local function unwrap(handle, transcoder_refused)
  local message = handle:headers():get("grpc-message") or ""
  local text = gsub(message, "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  local status = transcoder_refused and "400" or STATUS_OF_CODE[string.match(text, '"code":(%d+)') or ""]
  if not status then status, text = "500", refusal_json("INTERNAL", nil, handle:headers():get("x-request-id") or "") end
  if find(text, '"BODY_TOO_LARGE"', 1, true) then status = "413" end
  handle:headers():replace(":status", status)
  handle:headers():replace("content-type", "application/json")
  return text
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local transcoder_refused = headers:get("x-payera-local-reply")
  local wrapped = sub(headers:get("content-type") or "", 1, 16) == "application/grpc" and unwrap(handle, transcoder_refused)
  local status = headers:get(":status")
  keep_only(headers, RESPONSE_HEADERS)
  headers:replace("x-content-type-options", "nosniff")
  if not headers:get("cache-control") then headers:replace("cache-control", "no-store") end
  if tonumber(status) < 400 then return end
  local seen = (handle:streamInfo():dynamicMetadata():get("payera") or {}).request or {}
  local body = handle:body(true)
  local text = wrapped or body:getBytes(0, body:length())
  if wrapped then replace_body(handle, body, text) end
  if transcoder_refused then
    explain_refusal(handle, body, text, seen)
  elseif seen.method ~= "HEAD" then
    check_error(handle, body, text, status, seen)
  end
end
