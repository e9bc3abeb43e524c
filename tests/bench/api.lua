-- What wrk asks for: an alias made by each request, or a page at a place drawn from a file of paths (PATHS).
local token = os.getenv("TOKEN")
local file = os.getenv("PATHS")
local paths = {}
local bad = 0
threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  math.randomseed(os.time())
  wrk.headers["Authorization"] = "Bearer " .. token
  if file then
    for line in io.lines(file) do
      paths[#paths + 1] = line
    end
  else
    wrk.headers["Content-Type"] = "application/json"
  end
end

function request()
  if file then
    return wrk.format("GET", paths[math.random(#paths)])
  end
  return wrk.format("POST", "/v1/aliases", nil, '{"site":"shop.example","note":"made by a benchmark"}')
end

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    "RESULT %d %d %d %d %d",
    summary.requests,
    summary.duration,
    latency:percentile(50),
    latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
