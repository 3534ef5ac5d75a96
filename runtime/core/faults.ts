/**
 * The register of faults. A code is forever: it is never renamed or given another meaning, and a
 * retired one stays listed below. `text` is a full sentence for the person who has to act on it.
 * Below status 500 it is shown to the caller; from 500 on it stays in the log.
 */
type Facts = Readonly<Record<string, unknown>>
interface FaultEntry {
  readonly status: number
  readonly title: string
  readonly text: (facts: Facts) => string
}

export const faults = {
  // request: what came in over HTTP
  'body.malformed': { status: 400, title: 'Malformed body', text: (f) => `The body is not valid ${f.type ?? 'JSON'}: ${f.reason ?? 'it could not be parsed'}.` },
  'body.too_large': { status: 413, title: 'Body too large', text: (f) => `The body is larger than the limit of ${f.limitBytes} bytes.` },
  'body.unsupported': { status: 415, title: 'Unsupported content type', text: (f) => `This API does not take bodies of type “${f.type}”.` },
  'body.taken': { status: 500, title: 'Stream already read', text: () => 'Two nodes read the same stream: its bytes pass once. Draw it to one of them, or take the body whole in the “http in” node.' },
  'body.incomplete': { status: 400, title: 'Incomplete body', text: () => 'The body ended before its announced length.' },
  'schema.invalid': { status: 400, title: 'Value does not fit its schema', text: (f) => `The value does not fit its JSON Schema: ${f.message ?? 'it is invalid'}.` },
  'schema.work': { status: 413, title: 'Too much to check', text: () => 'Checking the value against its schema takes too many steps. Send less at once.' },
  'request.invalid': { status: 400, title: 'Request does not fit', text: (f) => `The request does not fit what this API takes: ${firstError(f.errors)}.` },
  'upstream.invalid': { status: 502, title: 'Upstream answer does not fit', text: (f) => `The upstream’s answer does not fit its schema: ${firstError(f.errors)}.` },
  'request.malformed': { status: 400, title: 'Malformed request', text: (f) => `The request could not be read: ${f.reason ?? 'it is malformed'}.` },
  'request.timeout': { status: 408, title: 'Request timeout', text: () => 'The request did not arrive in time.' },
  'request.headers_too_large': { status: 431, title: 'Headers too large', text: () => 'The request headers are larger than the limit.' },
  'route.none': { status: 404, title: 'Not found', text: (f) => `No API is deployed at ${f.method} ${f.path}.` },
  'method.none': { status: 405, title: 'Method not allowed', text: (f) => `${f.path} does not answer ${f.method}; it answers ${f.allow}.` },
  'route.version': { status: 400, title: 'No such version', text: (f) => `${f.path} is not served in the version that the header ${f.header} asks for.${Array.isArray(f.versions) && f.versions.length > 0 ? ` It is served in ${(f.versions as readonly string[]).join(', ')}.` : ''}` },
  'client.closed': { status: 499, title: 'Client closed the connection', text: () => 'The client went away before the answer was ready.' },
  'request.misdirected': { status: 421, title: 'Misdirected request', text: (f) => `This connection was not made for ${f.host}. Open a new one with that name.` },
  'tls.client_certificate': { status: 403, title: 'Client certificate required', text: (f) => `${f.host} asks for a client certificate that its authority has signed.` },
  'gateway.not_ready': { status: 503, title: 'Not ready', text: () => 'No release is loaded yet. Try again in a moment.' },
  'gateway.draining': { status: 503, title: 'Shutting down', text: () => 'This gateway is shutting down. Try again.' },

  // flow: what a run did
  'flow.no_reply': { status: 500, title: 'No reply', text: (f) => `The flow ended without a reply. Path taken: ${f.path ?? '(none)'}. Wire the last node to a respond or http response node.` },
  'flow.timeout': { status: 504, title: 'Deadline passed', text: (f) => `The flow did not answer within ${f.limitMs} ms.` },
  'flow.hops': { status: 508, title: 'Loop detected', text: (f) => `A message took more than ${f.limit} steps; the flow goes round in a circle.` },
  'flow.already_replied': { status: 500, title: 'Already replied', text: () => 'This request has been answered already; a second reply is not possible.' },
  'flow.no_return': { status: 500, title: 'Link call got no return', text: (f) => `The link call did not get an answer${f.afterMs ? ` within ${f.afterMs} ms` : ''}. End the called flow with a link out node in return mode.` },
  'flow.target_missing': { status: 500, title: 'Link target missing', text: (f) => `There is no link in node “${f.target}” in the release that runs.` },
  'flow.sequence_too_large': { status: 500, title: 'Too many messages held', text: (f) => `The node holds more than ${f.limit} messages of one request. Lower the number of parts or raise the node's limit.` },
  'flow.nested': { status: 508, title: 'Nested too deeply', text: (f) => `Branches lie inside each other more than ${f.limit} deep; the flow goes round in a circle.` },
  'branch.outside': { status: 500, title: 'No branch to end', text: () => 'A message reached an end node, but it travels in no branch of a parallel, for each, while, try or sub-flow node.' },
  'branch.no_result': { status: 500, title: 'Branch without a result', text: (f) => `The branch “${f.branch}” ended and nothing came back. Wire its last node to an end node.` },
  'branch.timeout': { status: 504, title: 'Branch too slow', text: (f) => `The branch “${f.branch}” gave no result within ${f.afterMs} ms.` },
  'branch.cancelled': { status: 503, title: 'Branch cancelled', text: (f) => `The branch “${f.branch}” was cancelled: nobody waits for it any more.` },
  'parallel.too_few': { status: 502, title: 'Too few results', text: (f) => `${f.came} of ${f.branches} branches gave a result; ${f.needed} are needed.` },
  'subflow.input': { status: 500, title: 'Input does not fit', text: (f) => `What the flow was called with does not fit its inputs: ${f.at}: ${f.message}.` },
  'subflow.output': { status: 500, title: 'Outcome does not fit', text: (f) => `What the flow gives back does not fit its outputs: ${f.at}: ${f.message}.` },
  'merge.conflict': { status: 500, title: 'Values conflict', text: (f) => `Two sources of the merge say something different of “${f.at}”.` },
  'merge.input': { status: 500, title: 'Cannot be merged', text: (f) => `The source ${f.source} of the merge is ${f.is}, but must be ${f.expected}.` },
  'each.input': { status: 500, title: 'Nothing to go through', text: (f) => `The for each node goes through a list, but found ${f.is}.` },
  'each.line': { status: 502, title: 'Line that is no JSON', text: (f) => `Line ${f.line} of the stream is no JSON: ${f.reason}.` },
  'each.line_too_long': { status: 502, title: 'Line too long', text: (f) => `Line ${f.line} of the stream is longer than ${f.limitBytes} bytes.` },
  'each.too_many': { status: 422, title: 'Too many items', text: (f) => `The list has ${f.count} items; at most ${f.limit} are taken.` },
  'while.limit': { status: 508, title: 'Loop does not end', text: (f) => `The condition of the loop still holds after ${f.times} times${f.afterMs === undefined ? '' : ` and ${f.afterMs} ms`}.` },
  'wait.too_long': { status: 504, title: 'Wait beyond the deadline', text: (f) => `The wait of ${f.waitMs} ms would end after the deadline, which is in ${f.leftMs} ms.` },
  'condition.type': { status: 500, title: 'Condition is no yes or no', text: (f) => `The condition “${f.condition}” must give true or false, but gave ${f.is}.` },
  'reply.invalid': { status: 500, title: 'Reply cannot be sent', text: (f) => `The flow's reply cannot be sent over HTTP: ${f.reason}.` },
  'step.error': { status: 500, title: 'Step failed', text: (f) => String(f.message ?? 'A step failed.') },
  'step.config': { status: 500, title: 'Step cannot run', text: (f) => String(f.message ?? 'The node is not configured for this message.') },
  'map.limit': { status: 500, title: 'Message too large for the table', text: (f) => `The table of the map node would take more than ${f.limit} steps for this message. Filter the lists first, or ask the service for less.` },

  // script: what a user wrote
  'script.syntax': { status: 500, title: 'Script does not compile', text: (f) => `${f.message}${f.line ? ` (line ${f.line}${f.column ? `, column ${f.column}` : ''})` : ''}` },
  'script.error': { status: 500, title: 'Script failed', text: (f) => `${f.message}${f.line ? ` (line ${f.line}${f.column ? `, column ${f.column}` : ''})` : ''}` },
  'script.timeout': { status: 503, title: 'Script time limit', text: (f) => (f.starved ? `The machine was too busy to give the script its ${f.limitMs} ms.` : `The script used more than its ${f.limitMs} ms.`) },
  'script.memory': { status: 503, title: 'Script memory limit', text: (f) => `The script used more than its ${f.limitMb} MB of memory.` },
  'script.quarantined': { status: 503, title: 'Script refused for a while', text: (f) => `The script hit its limits ${f.times ?? 'several'} times and is refused until ${f.until ?? 'it has rested'}. Mend it and deploy again.` },
  'script.input_too_large': { status: 413, title: 'Input too large for a script', text: (f) => `The message has ${f.bytes} bytes; a script takes ${f.limitBytes}. Raise the node's limit or send less.` },
  'script.output': { status: 500, title: 'Script returned what cannot travel', text: (f) => `The script returned a value that cannot travel on a wire: ${f.reason}.` },
  'expression.error': { status: 500, title: 'Expression failed', text: (f) => `The expression failed: ${f.message}` },
  'template.error': { status: 500, title: 'Template failed', text: (f) => `The template failed: ${f.message}` },

  // upstream: what a callout met
  'upstream.connect': { status: 502, title: 'Upstream unreachable', text: (f) => `Could not connect to ${f.host}: ${f.reason ?? 'connection failed'}.` },
  'upstream.dns': { status: 502, title: 'Upstream name unknown', text: (f) => `The name ${f.host} could not be resolved.` },
  'upstream.tls': { status: 502, title: 'Upstream TLS failed', text: (f) => `The TLS connection to ${f.host} failed: ${f.reason}.` },
  'upstream.status': { status: 502, title: 'Upstream answered unexpectedly', text: (f) => `${f.host} answered ${f.status}, expected ${f.expected}.` },
  'upstream.unexpected': { status: 502, title: 'Upstream answered unexpectedly', text: (f) => `The answer of ${f.host} is not what was expected: the node’s condition does not hold for it.` },
  'upstream.upgrade': { status: 502, title: 'Upstream speaks no WebSocket', text: (f) => `${f.host} was asked to speak WebSocket and agreed to something else.` },
  'upstream.timeout': { status: 504, title: 'Upstream timeout', text: (f) => `${f.host} did not answer within ${f.afterMs} ms.` },
  'upstream.eof': { status: 502, title: 'Upstream broke off', text: (f) => `${f.host} closed the connection before its answer was complete.` },
  'upstream.too_large': { status: 502, title: 'Upstream answer too large', text: (f) => `The answer of ${f.host} is larger than the limit of ${f.limitBytes} bytes.` },
  'upstream.body': { status: 502, title: 'Upstream answer malformed', text: (f) => `The answer of ${f.host} is not valid ${f.type}: ${f.reason}.` },
  'upstream.redirects': { status: 502, title: 'Too many redirects', text: (f) => `${f.host} redirected more than ${f.limit} times.` },
  'upstream.url': { status: 500, title: 'Bad upstream URL', text: (f) => `“${f.url}” is not an http or https URL.` },
  'upstream.header': { status: 500, title: 'Bad upstream header', text: (f) => `The header “${f.name}” cannot be sent: ${f.reason ?? 'its name or value holds a character that is not allowed'}.` },
  'upstream.breaker': { status: 503, title: 'Upstream left alone', text: (f) => `${f.upstream} failed too often or was too slow, and is left alone${f.retryAfter ? ` for ${f.retryAfter} s` : ' for a while'}.` },
  'upstream.bulkhead': { status: 503, title: 'Upstream busy', text: (f) => `${f.limit} calls to ${f.upstream} are under way already, and no place became free in time.` },
  'upstream.auth': { status: 502, title: 'No credentials for the upstream', text: (f) => `${f.host} gave no access token: ${f.reason}.` },
  'egress.denied': { status: 502, title: 'Callout refused by policy', text: (f) => `Callouts to ${f.host}${f.address && f.address !== f.host ? ` (${f.address})` : ''} are not allowed: ${f.reason ?? 'the address is not public'}. To allow it, add ${f.allow ?? f.host} to SLUICE_EGRESS_ALLOW.` },

  // storage: objects that are kept elsewhere
  'storage.refused': { status: 502, title: 'Storage refused', text: (f) => `The object storage ${f.host} answered ${f.status}${f.code === undefined ? '' : ` (${f.code})`}.` },
  'storage.missing': { status: 404, title: 'No such object', text: () => 'There is no such object.' },

  // sandbox: callers that only try things out. 501, not 503: asking again later changes nothing.
  'sandbox.none': { status: 501, title: 'No sandbox for this call', text: (f) => `A sandbox caller must not reach production, and ${f.node ?? 'this callout'} has no sandbox. ${f.remedy}` },

  // state: what gateways count and remember together
  'state.unavailable': { status: 503, title: 'Shared state unavailable', text: (f) => `What gateways remember together cannot be reached: ${f.reason}.` },
  'state.too_large': { status: 500, title: 'Too large to be remembered', text: (f) => `The ${f.what} has ${f.bytes} bytes; at most ${f.limitBytes} are kept.` },

  // cache: what is given again
  'cache.only': { status: 504, title: 'Nothing kept', text: () => 'The request takes only what is kept (Cache-Control: only-if-cached), and nothing is.' },
  'cache.value': { status: 500, title: 'Value cannot be kept', text: (f) => `The value cannot be kept in a cache: ${f.reason}.` },
  'cache.ttl': { status: 500, title: 'Time not valid', text: (f) => `The time for which a value is kept must be a number of seconds from 0, but is ${f.is}.` },

  // idem: transactions that happen once
  'idem.missing': { status: 400, title: 'Idempotency key missing', text: (f) => `This request needs ${f.what ?? 'an idempotency key'}, so that it can be repeated without being done twice.` },
  'idem.invalid': { status: 400, title: 'Idempotency key not valid', text: (f) => `The header ${f.header} holds no idempotency key: ${f.reason}.` },
  'idem.conflict': { status: 409, title: 'Already being done', text: () => 'A request with this idempotency key is being done. Ask again in a moment for its answer.' },
  'idem.mismatch': { status: 422, title: 'Idempotency key used for something else', text: () => 'This idempotency key was used for a different request. A new request needs a key of its own.' },
  'idem.not_kept': { status: 409, title: 'Already done', text: () => 'The request with this idempotency key was done; its answer was too large to be kept and cannot be given again.' },

  // session: state of a caller between requests
  'session.none': { status: 401, title: 'No session', text: () => 'There is no such session. Begin one first.' },
  'session.expired': { status: 401, title: 'Session expired', text: () => 'The session has expired. Begin a new one.' },
  'session.limit': { status: 409, title: 'Too many sessions', text: (f) => `This client has ${f.limit} sessions already. End one first.` },
  'session.data_too_large': { status: 413, title: 'Session data too large', text: (f) => `The data for the session has ${f.bytes} bytes; a session keeps at most ${f.limitBytes}.` },

  // limits: how much may be called, and from where
  'quota.exceeded': { status: 429, title: 'Quota used up', text: (f) => `The limit of ${f.limit} calls${f.window === 'total' ? ' in all' : f.window ? ` per ${f.window}` : ''} is used up.${f.retryAfter ? ` Try again in ${f.retryAfter} s.` : ''}` },
  'quota.unknown': { status: 500, title: 'No such quota', text: (f) => `No quota called “${f.quota}”${f.per ? ` counts per ${f.per}` : ' is live'}.` },
  'spike.exceeded': { status: 429, title: 'Too many calls at once', text: (f) => `Calls come too fast${f.rate ? `: ${f.rate} a ${f.unit} pass` : ''}.${f.retryAfter ? ` Try again in ${f.retryAfter} s.` : ''}` },
  'concurrency.exceeded': { status: 429, title: 'Too many calls under way', text: (f) => `${f.limit} calls are under way already. Wait for one to end.` },
  'queue.full': { status: 503, title: 'Too many are waiting', text: (f) => `The line for ${f.resource} is full. Try again later.` },
  'queue.evicted': { status: 503, title: 'Too many are waiting', text: (f) => `The line for ${f.resource} is full, and somebody more important came.` },
  'queue.hopeless': { status: 503, title: 'The wait would be too long', text: (f) => `A turn at ${f.resource} would come too late. Try again later.` },
  'queue.expired': { status: 503, title: 'Waited too long', text: (f) => `No turn at ${f.resource} came in time.` },
  'queue.closed': { status: 503, title: 'The line was closed', text: (f) => `The line for ${f.resource} was emptied or taken away while the call waited.` },
  'queue.self': { status: 508, title: 'It would wait for itself', text: (f) => `The call comes from a run that holds a slot of ${f.resource}, and no other slot is free.` },
  'queue.unavailable': { status: 503, title: 'Turns cannot be given', text: (f) => `Turns at ${f.resource} are given by a shared store that does not answer.` },
  'queue.priority': { status: 500, title: 'Priority not valid', text: (f) => `The priority must be a whole number from 0 to 9, but is ${f.is}.` },
  'job.lost': { status: 502, title: 'The turn was lost', text: (f) => `The gateway that gave the turn at ${f.resource} is gone. Nothing was begun; try again.` },
  'job.unavailable': { status: 503, title: 'Work cannot be accepted', text: (f) => `Work for later cannot be written down at the moment: ${f.reason ?? 'the store does not answer'}. Try again.` },
  'job.unsafe': { status: 503, title: 'Work cannot be accepted', text: (f) => `Redis would lose accepted work: ${f.reason}.` },
  'job.no_key': { status: 503, title: 'Work cannot be accepted', text: () => 'Accepted work in Redis is encrypted, and no key is set. Set SLUICE_JOB_KEY to the same 32 bytes on all gateways.' },
  'job.full': { status: 503, title: 'Too much work waits', text: (f) => `${f.limit} jobs of this kind wait already. Try again later.` },
  'job.too_large': { status: 413, title: 'Too large for later', text: (f) => `The ${f.what === 'result' ? 'result' : 'message'} has ${f.bytes} bytes; a job keeps at most ${f.limitBytes}.` },
  'job.unknown': { status: 404, title: 'No such job', text: () => 'There is no such job, it is not yours, or its outcome is not kept any more.' },
  'job.no_revision': { status: 500, title: 'Nobody can do the job', text: (f) => `The flow “${f.flow}” or its node “${f.node}” is not live on any gateway any more.` },
  'job.undecodable': { status: 500, title: 'The job cannot be read', text: (f) => `What the job was given cannot be read: ${f.reason ?? 'it was encrypted with another key, or was changed'}.` },
  'job.crashed': { status: 500, title: 'The job ends its gateway', text: (f) => `The gateway died ${f.times} times while it did this job.` },
  'job.status': { status: 502, title: 'The job answered with an error', text: (f) => `The flow answered ${f.status}.` },
  'job.cancelled': { status: 410, title: 'The job was cancelled', text: () => 'Somebody cancelled the job.' },
  'job.expired': { status: 410, title: 'The job expired', text: () => 'The job was not begun in time and will not be.' },
  'job.not_ready': { status: 409, title: 'The job has no result', text: (f) => `The job is ${f.state}; it has no result${f.state === 'failed' ? '' : ' yet'}.` },
  'job.callback': { status: 502, title: 'The callback was not taken', text: (f) => `${f.host} answered the callback with ${f.status}.` },
  'limit.weight': { status: 500, title: 'Weight not valid', text: (f) => `The weight of a call must be a whole number from ${f.least}, but is ${f.is}.` },
  'limit.value': { status: 500, title: 'Limit not valid', text: (f) => `The limit's value must be a whole number from ${f.least}, but is ${f.is}.` },
  'limit.no_client': { status: 500, title: 'Caller not known', text: (f) => `The limit counts per ${f.level}, but nobody has made sure who calls. Put an auth node in front of it.` },
  'limit.no_plan': { status: 403, title: 'No plan', text: () => 'The caller has no plan, and there is no limit for callers without one.' },
  'ip.denied': { status: 403, title: 'Address not allowed', text: (f) => `Calls from ${f.ip ?? 'this address'} are not allowed.` },

  // who may call
  'auth.required': { status: 401, title: 'Authentication required', text: () => 'This API is not public, and it has no way to prove who calls yet. Its owner has to add one.' },
  'auth.missing': { status: 401, title: 'Authentication required', text: () => 'This API asks for credentials, and the request carries none that it takes.' },
  'auth.invalid_key': { status: 401, title: 'Invalid API key', text: () => 'The API key is not valid.' },
  'auth.invalid_login': { status: 401, title: 'Invalid user name or password', text: () => 'User name and password do not belong together.' },
  'auth.invalid_token': { status: 401, title: 'Invalid token', text: () => 'The access token is not valid here.' },
  'auth.expired': { status: 401, title: 'Credential expired', text: () => 'The credential has expired, or was made by a clock that is wrong.' },
  'auth.revoked': { status: 401, title: 'Credential revoked', text: () => 'The credential was taken back.' },
  'auth.signature': { status: 401, title: 'Invalid signature', text: () => 'The signature is missing, does not fit the request, or does not cover what it must.' },
  'auth.replayed': { status: 401, title: 'Request was sent before', text: () => 'A request with this nonce was taken before. Sign each request anew.' },
  'auth.certificate': { status: 401, title: 'Unknown client certificate', text: () => 'No client is known by this certificate.' },
  'auth.unknown_client': { status: 403, title: 'Unknown client', text: () => 'The token is valid, but its client is not registered here.' },
  'auth.scope': { status: 403, title: 'Scope missing', text: (f) => `The token lacks the scope ${(f.missing as readonly string[] | undefined)?.join(', ') ?? 'that this API asks for'}.` },
  'auth.clearance': { status: 403, title: 'Clearance missing', text: () => 'The client does not have the clearance that this API asks for.' },
  'auth.not_subscribed': { status: 403, title: 'Not subscribed', text: () => 'The application has no subscription to this API.' },
  'auth.subscription_inactive': { status: 403, title: 'Subscription not active', text: () => 'The subscription to this API is not approved, or was suspended.' },
  'auth.too_many_attempts': { status: 429, title: 'Too many failed sign-ins', text: () => 'Too many sign-ins from this address have failed. Try again later.' },
  'auth.unavailable': { status: 503, title: 'Credentials cannot be checked', text: (f) => `Credentials cannot be checked at the moment${f.reason === undefined ? '' : `: ${f.reason}`}.` },
  'client.disabled': { status: 403, title: 'Application disabled', text: () => 'The application is switched off.' },
  'client.rules': { status: 403, title: 'Client rules unreadable', text: () => 'The rules of this client cannot be read; an operator has to correct its record.' },
  'plan.not_yet_valid': { status: 403, title: 'Not valid yet', text: () => 'The client may not call yet.' },
  'plan.expired': { status: 403, title: 'No longer valid', text: () => 'The time in which the client may call is over.' },
  'plan.hours': { status: 403, title: 'Outside service hours', text: () => 'The client may not call at this time. Retry-After says when it may.' },
  'api.not_published': { status: 404, title: 'API not published', text: () => 'This API is not published.' },
  'api.blocked': { status: 503, title: 'API blocked', text: () => 'This API is blocked at the moment.' },
  'api.sunset': { status: 410, title: 'API no longer served', text: (f) => `This version of the API is not served any more since ${f.sunset}.` },
  'api.retired': { status: 410, title: 'API retired', text: () => 'This API was retired.' },

  // data protection; none of them says a value
  'vault.unavailable': { status: 503, title: 'Vault unavailable', text: () => 'The vault does not answer at the moment.' },
  'vault.too_large': { status: 413, title: 'Value too large for the vault', text: (f) => `A value of ${f.path ?? 'the message'} is larger than the vault takes${f.limitBytes === undefined ? '' : ` (${f.limitBytes} bytes)`}.` },
  'domain.unknown': { status: 500, title: 'Unknown domain', text: (f) => `The vault has no domain ${f.domain}.` },
  'domain.foreign': { status: 500, title: 'Domain of another organisation', text: (f) => `The flow is not of the organisation to which domain ${f.domain} belongs.` },
  'domain.shredded': { status: 410, title: 'Domain shredded', text: (f) => `The values of domain ${f.domain} were shredded.` },
  'token.unknown': { status: 404, title: 'Unknown token', text: (f) => `${f.path === undefined ? 'This' : `What stands at ${f.path}`} is no token of domain ${f.domain}.` },
  'token.expired': { status: 410, title: 'Token expired', text: (f) => `${f.path === undefined ? 'The token' : `The token at ${f.path}`} is past its time, was used, or its value was shredded.` },
  'token.no_room': { status: 422, title: 'No token of that shape left', text: (f) => `${f.path === undefined ? 'The value' : `What stands at ${f.path}`} is too short, or has too few letters and digits, for a token of its shape in domain ${f.domain}. Use another mode for it.` },
  'detoken.denied': { status: 403, title: 'Reveal not allowed', text: (f) => `The client may not see values of domain ${f.domain} for the purpose ${f.purpose}.` },
  'verify.too_many': { status: 429, title: 'Too many guesses', text: (f) => `The client compared tokens of domain ${f.domain} with too many values that were not theirs.${f.retryAfter ? ` Try again in ${f.retryAfter} s.` : ''}` },
  'field.missing': { status: 422, title: 'Field missing', text: (f) => `Nothing is at ${f.path}.` },
  'key.unknown': { status: 500, title: 'Unknown key', text: (f) => `The vault has no key ${f.key}.` },
  'key.foreign': { status: 500, title: 'Key of another organisation', text: (f) => `The flow is not of the organisation to which the key ${f.key} belongs.` },
  'key.disabled': { status: 409, title: 'Key disabled', text: (f) => `The key ${f.key} is disabled.` },
  'key.unfit': { status: 500, title: 'Key does not fit', text: (f) => `The key ${f.key} cannot do that: ${f.reason}.` },
  'crypto.invalid': { status: 422, title: 'Cannot be decrypted or read', text: (f) => `${f.path === undefined ? 'The text' : `What stands at ${f.path}`} is not of the form asked for, was changed, or is of another key.` },
  'crypto.signature': { status: 401, title: 'Signature invalid', text: (f) => `The signature ${f.path === undefined ? '' : `at ${f.path} `}does not fit.` },
  'secret.unknown': { status: 500, title: 'Unknown secret', text: (f) => `The vault has no secret ${f.name}.` },
  'ledger.refused': { status: 500, title: 'Ledger of another organisation', text: (f) => `The ledger ${f.ledger} belongs to another organisation, or is none that flows may write to.` },
  'ledger.too_large': { status: 413, title: 'Record too large', text: (f) => `A record of the ledger ${f.ledger} is larger than ${f.limitBytes} bytes.` },
  'ledger.value': { status: 422, title: 'Not a record', text: (f) => `What is to be recorded in the ledger ${f.ledger} is missing, or JSON cannot hold it.` },
  'ledger.unavailable': { status: 503, title: 'Ledger unavailable', text: () => 'The ledger does not take records at the moment.' },

  // store and configuration
  'store.unavailable': { status: 503, title: 'Store unavailable', text: (f) => `The store is not available: ${f.reason}.` },
  'config.invalid': { status: 500, title: 'Invalid configuration', text: (f) => String(f.message ?? 'The configuration is invalid.') },
} satisfies Record<string, FaultEntry>

/** A code of the register. */
export type FaultCode = keyof typeof faults

/** The first of a list of errors of a schema, as part of a sentence. */
function firstError(errors: unknown): string {
  const list = (Array.isArray(errors) ? errors : []) as readonly { readonly in?: string; readonly pointer: string; readonly message: string }[]
  const [first] = list
  if (!first) return 'it is invalid'
  return `${first.in ?? 'value'}${first.pointer} ${first.message}${list.length > 1 ? ` (and ${list.length - 1} more)` : ''}`
}
