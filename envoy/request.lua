-- Reads the head of a request before anything else does: which headers may pass, what may be logged, and whether the query,
-- the idempotency key and the request id are such that no later reader takes them for something else.
--
-- Nothing is refused here. What is wrong goes to `edge.lua` as metadata: the one place that writes refusals.

-- A run of digits longer than this is not shown in a path: it may be a card number.
local DIGITS_SHOWN_MAX = 11
local PATH_SHOWN_BYTES_MAX = 200
local NAME_SHOWN_BYTES_MAX = 64
local REQUEST_ID_BYTES_MAX = 128
-- As the buffer filter has them: what a refusal of a larger body says.
local BODY_BYTES_MAX = "65536"
local WEBHOOK_BYTES_MAX = "1048576"
local RULESET_BYTES_MAX = "262144"
local IDEMPOTENCY_KEY_BYTES_MAX = 255

-- What a service may be told by a caller. Everything else of a request stays at the edge.
local REQUEST_HEADERS = {
  ["accept"] = true, ["authorization"] = true, ["content-length"] = true, ["content-type"] = true,
  ["idempotency-key"] = true, ["te"] = true, ["traceparent"] = true, ["tracestate"] = true,
  ["transfer-encoding"] = true, ["user-agent"] = true, ["x-request-id"] = true,
  -- Envoy finds no route without it; it is taken off behind the router.
  ["x-forwarded-proto"] = true,
}

-- PSPs' webhooks: any bytes of any type, proven by one of these headers. Nothing else of their head goes inside.
local WEBHOOKS = "/v1/psp-webhooks/"
local ROUTING = "/v1/routing/"
local WEBHOOK_HEADERS = {
  ["accept"] = true, ["authorization"] = true, ["content-length"] = true, ["content-type"] = true,
  ["cko-signature"] = true, ["hmacsignature"] = true, ["paypal-auth-algo"] = true, ["paypal-auth-version"] = true,
  ["paypal-cert-url"] = true, ["paypal-transmission-id"] = true, ["paypal-transmission-sig"] = true,
  ["paypal-transmission-time"] = true, ["stripe-signature"] = true, ["webhook-signature"] = true,
  ["te"] = true, ["transfer-encoding"] = true, ["x-request-id"] = true, ["x-forwarded-proto"] = true,
}

-- The query parameters of the API reference. The transcoder would let a parameter overrule the path and fill in a body, so
-- that what was asked for differs from what everybody on the way has read. A test compares these with the API reference.
local RESOURCES = {
  api_keys = true, controlled_operations = true, merchants = true, payments = true, psp_accounts = true,
  psp_webhooks = true, refunds = true, reviews = true, routing = true, tokens = true, vault_key_rotations = true,
  vault_keys = true,
}
local PAGE_PARAMETERS = { page_size = true, page_token = true }
local PARAMETERS = {
  ["/v1/payments"] = {
    status = true, merchant_reference = true, currency = true, created_from = true, created_before = true,
  },
  ["/v1/psp_webhooks"] = { account = true, state = true },
  ["/v1/refunds"] = { payment_id = true },
  ["/v1/reviews"] = { kind = true, merchant_id = true, psp_account = true },
  ["/v1/routing/active_ruleset"] = { merchant_id = true },
  ["/v1/routing/changes"] = { merchant_id = true },
  ["/v1/routing/rulesets"] = { merchant_id = true },
  ["/v1/routing/rulesets/{version}"] = { merchant_id = true },
  ["/v1/tokens"] = { customer_id = true },
}

local byte, find, gsub, sub = string.byte, string.find, string.gsub, string.sub

local function digits_in(text)
  local _, count = gsub(text, "%d", "")
  return count
end

-- Card numbers ---------------------------------------------------------------------------------------------------------

local function luhn_valid(digits)
  local sum, doubled = 0, false
  for position = #digits, 1, -1 do
    local value = byte(digits, position) - 48
    if doubled then value = value * 2 end
    sum = sum + (value > 9 and value - 9 or value)
    doubled = not doubled
  end
  return sum % 10 == 0
end

-- The large networks' prefixes, by the length of the number.
local PREFIXES = {
  [13] = { "^4" }, [14] = { "^3[068]" }, [15] = { "^3[47]" },
  [16] = { "^4", "^5[1-5]", "^2[2-7]", "^6[0245]", "^35" }, [19] = { "^4" },
}

local function is_card_number(digits)
  for _, prefix in ipairs(PREFIXES[#digits] or {}) do
    if find(digits, prefix) then return luhn_valid(digits) end
  end
  return false
end

-- Tells whether whole groups of digits in a row, whatever punctuation is between them, make up a card number.
local function holds_card_number(text)
  if digits_in(text) < 13 then return false end
  -- One random UUID in a hundred thousand would look like a number.
  if #text == 36 and find(text, "^%x+%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$") then return false end
  for run in string.gmatch(text, "%d[%d%p ]*") do
    local groups = {}
    for group in string.gmatch(run, "%d+") do groups[#groups + 1] = group end
    for first = 1, #groups do
      local digits = ""
      for last = first, #groups do
        digits = digits .. groups[last]
        if #digits > 19 then break end
        if is_card_number(digits) then return true end
      end
    end
  end
  return false
end

-- Headers --------------------------------------------------------------------------------------------------------------

local function keep_wanted(headers, allowed)
  local unwanted = {}
  for name, value in pairs(headers) do
    local wanted = byte(name) == 58 or allowed[name]
    -- gRPC writes a value that it can't decode to its log, whole.
    if not wanted or (find(value, "[^\32-\126]") and byte(name) ~= 58) then unwanted[name] = true end
  end
  -- A key is checked, and refused, whatever it looks like.
  if allowed["idempotency-key"] then unwanted["idempotency-key"] = nil end
  unwanted["x-request-id"] = nil
  if unwanted["authorization"] then headers:replace("authorization", "unreadable") end
  unwanted["authorization"] = nil
  for name in pairs(unwanted) do headers:remove(name) end
end

local function clean_request_id(headers)
  local given = headers:get("x-request-id") or ""
  local clean = sub(gsub(given, "[^%w._:-]", "_"), 1, REQUEST_ID_BYTES_MAX)
  if holds_card_number(clean) then clean = gsub(clean, "%d", "_") end
  if clean ~= given then headers:replace("x-request-id", clean) end
  return clean
end

-- The path for logs and messages: without the query, and without what may be a card number.
local function shown_path(path)
  local bare = string.match(path, "^[^?#]*")
  local masked = gsub(bare, "%d[%d%%%-+ .]*", function(run)
    return digits_in(run) > DIGITS_SHOWN_MAX and "?" or nil
  end)
  return sub(gsub(masked, "[^\33-\126]", "?"), 1, PATH_SHOWN_BYTES_MAX)
end

-- Checks: each gives nothing, or what is wrong -------------------------------------------------------------------------

local function problem_of_key(headers)
  local key = headers:get("idempotency-key")
  if not key then return nil end
  -- Of two keys one reader would take the first and another the last.
  local one = headers:getNumValues("idempotency-key") == 1
  if not one or #key > IDEMPOTENCY_KEY_BYTES_MAX or not find(key, "^[\33-\126]+$") then
    return { reason = "IDEMPOTENCY_KEY_INVALID" }
  end
  if holds_card_number(key) then return { reason = "CARD_NUMBER_IN_TEXT", field = "Idempotency-Key" } end
  return nil
end

local function shown_name(name)
  if name == "" or #name > NAME_SHOWN_BYTES_MAX or digits_in(name) > DIGITS_SHOWN_MAX then return "?" end
  return (gsub(name, "[^%w_.-]", "?"))
end

local function problem_of_query(method, path)
  local bare, query = string.match(path, "^([^?]*)%??(.*)$")
  local resource = string.match(bare, "^/v1/([%l_]+)/") or string.match(bare, "^/v1/([%l_]+)$")
  -- No call has such a path, and that is what the caller is to be told.
  if resource and not RESOURCES[resource] then return nil end
  local known = method == "GET" and PARAMETERS[gsub(gsub(bare, "/$", ""), "/%d+$", "/{version}")] or {}
  local seen = {}
  for pair in string.gmatch(query, "[^&]+") do
    local name, equals = string.match(pair, "^([^=]*)(=?)")
    -- Both of a field's names in JSON will do, as in a body.
    local field = gsub(name, "%u", function(letter) return "_" .. string.lower(letter) end)
    if method ~= "GET" or not (known[field] or PAGE_PARAMETERS[field]) then
      return { reason = "UNKNOWN_PARAMETER", detail = "`" .. shown_name(name) .. "`." }
    end
    if seen[field] or equals == "" then
      local detail = "`" .. field .. "` " .. (seen[field] and "stands there twice." or "has no value.")
      return { reason = "INVALID_FIELD", detail = detail, field = field }
    end
    seen[field] = true
  end
  return nil
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local method, path = headers:get(":method"), headers:get(":path") or ""
  local is_webhook = sub(path, 1, #WEBHOOKS) == WEBHOOKS
  local problem = (not is_webhook and problem_of_key(headers)) or problem_of_query(method, path)
  keep_wanted(headers, is_webhook and WEBHOOK_HEADERS or REQUEST_HEADERS)
  local metadata = handle:streamInfo():dynamicMetadata()
  -- For the access log, for local replies, and for the answer's way back.
  metadata:set("payera", "request", {
    method = method, path = shown_path(path), request_id = clean_request_id(headers),
    limit = is_webhook and WEBHOOK_BYTES_MAX or sub(path, 1, #ROUTING) == ROUTING and RULESET_BYTES_MAX or BODY_BYTES_MAX,
  })
  if problem then metadata:set("payera", "problem", problem) end
  -- Native gRPC ends at the services: at the edge every body is JSON, whatever it is called. A webhook's is looked at by
  -- nobody here, and no signature covers what it is called.
  if headers:get("content-type") ~= "application/json" then headers:replace("content-type", "application/json") end
end
