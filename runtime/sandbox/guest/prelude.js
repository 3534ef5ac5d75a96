/**
 * What every context of a function node starts with. It is the body of a function: `isJson`, `pack` and
 * `unpack` of codec.js stand before it, and it gives back `setup`. Only strings cross to the host, in
 * the forms that frames.ts describes; whatever the language offers is taken into constants first, so
 * that a script which tampers with its own globals harms itself alone.
 */
const { parse, stringify } = JSON
const { create, defineProperty, freeze, getOwnPropertyDescriptor: descriptorOf, getPrototypeOf: prototypeOf, isFrozen, keys: keysOf } = Object
const { isArray } = Array
const objectPrototype = Object.prototype
const charCode = Function.prototype.call.bind(String.prototype.charCodeAt)
const slice = Function.prototype.call.bind(String.prototype.slice)
const indexOf = Function.prototype.call.bind(String.prototype.indexOf)
const includes = Function.prototype.call.bind(Array.prototype.includes)
const hasOwn = Object.hasOwn
const { apply, ownKeys } = Reflect
const Bytes = Uint8Array
const later = Promise.prototype.then
const instant = Promise.resolve.bind(Promise)

delete globalThis.WebAssembly
delete globalThis.SharedArrayBuffer
delete globalThis.Atomics

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
function toBase64(bytes) {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const n = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    text += letters[n >> 18] + letters[(n >> 12) & 63] + (i + 1 < bytes.length ? letters[(n >> 6) & 63] : '=') + (i + 2 < bytes.length ? letters[n & 63] : '=')
  }
  return text
}
let values
function fromBase64(text) {
  if (!values) {
    const made = new Bytes(128)
    for (let i = 0; i < 64; i++) made[charCode(letters, i)] = i
    values = made // whole, or not at all: a time limit may cut this off
  }
  let size = text.length
  while (size > 0 && text[size - 1] === '=') size--
  const bytes = new Bytes((size * 3) >> 2)
  for (let i = 0, at = 0; i < size; i += 4) {
    const n =
      (values[charCode(text, i)] << 18) | (values[charCode(text, i + 1)] << 12) | ((values[charCode(text, i + 2)] || 0) << 6) | (values[charCode(text, i + 3)] || 0)
    bytes[at++] = n >> 16
    bytes[at++] = n >> 8
    bytes[at++] = n
  }
  return bytes
}

class Response {
  toJSON() {
    return '[response]'
  }
}
const responseMark = freeze(new Response())

/** Bytes as functions know them. */
let madeBuffer
const bufferOf = () => (madeBuffer ??= parts.buffer()().Buffer)

/**
 * A context that closed functions share (closed.ts): whatever they could find and change is frozen, code cannot be
 * made of text, and what the last match of a pattern was is nobody's to see.
 */
let enclosed = false
function enclose() {
  if (enclosed) return
  const bytes = bufferOf() // it assigns to what inherits, which frozen prototypes would not let it
  for (const name of ['eval', 'Function', 'Intl']) delete globalThis[name]
  for (const made of [() => {}, function* () {}, async () => {}, async function* () {}]) delete prototypeOf(made).constructor
  for (const name of ownKeys(RegExp)) if (typeof name === 'string' && 'get' in descriptorOf(RegExp, name)) delete RegExp[name]
  for (const name of ownKeys(globalThis)) {
    const { prototype } = globalThis[name] ?? {}
    if (prototype instanceof Error || prototype === Error.prototype) for (const field of ['name', 'message']) makeAssignable(prototype, field)
  }
  const iterators = [[].values(), new Map().values(), new Set().values(), ''[Symbol.iterator](), ''.matchAll(/./g), [].values().map((x) => x), Iterator.from({ next() {} })]
  for (const prototype of [Array.prototype, objectPrototype]) freezeForLists(prototype)
  harden([globalThis, bytes, responseMark, function* () {}, async () => {}, async function* () {}, ...iterators, new Error(), ...errorsOf(bytes)])
  enclosed = true
}
/** One of each class of errors that `Buffer` makes for itself: nothing else leads to them. */
function errorsOf(bytes) {
  const eight = bytes.alloc(8)
  return [() => bytes.alloc(0).readBigInt64LE(), () => eight.readBigInt64LE(1), () => eight.writeBigInt64LE(0n, '')].map((wrong) => {
    try {
      wrong()
    } catch (error) {
      return error
    }
  })
}
/**
 * Freezes what lists inherit from. As it is, V8 would suppose that they inherit indexes which cannot be assigned, and whatever
 * makes a list longer (`[1, ...list]`) would take twenty times as long. It does not when the properties are a dictionary by
 * then, as one that is changed by itself makes them; and it lays them out for reading again when something inherits from them.
 */
function freezeForLists(prototype) {
  defineProperty(prototype, 'toLocaleString', { writable: false })
  freeze(prototype)
  create(prototype)
}
/** An inherited value that does not stand in the way of assignments to whoever inherits it. */
function makeAssignable(prototype, name) {
  const inherited = prototype[name]
  defineProperty(prototype, name, {
    get: () => inherited,
    set(value) {
      defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true })
    },
  })
}
/** Freezes values and all that can be reached from them. */
function harden(roots) {
  const found = new Set(roots)
  const add = (value) => {
    if (value !== null && (typeof value === 'object' || typeof value === 'function')) found.add(value)
  }
  for (const one of found) {
    if (!isFrozen(one)) freeze(one)
    add(prototypeOf(one))
    for (const name of ownKeys(one)) {
      const { value, get, set } = descriptorOf(one, name)
      add(value)
      add(get)
      add(set)
    }
  }
}

return function setup(hostCall, tell, fn, start, stop, metaText) {
  const meta = parse(metaText)
  const { narrow, outputs } = meta
  if (meta.closed) {
    enclose()
    freeze(freeze(fn).prototype)
  }
  const host = (...args) => {
    const answer = hostCall(...args)
    if (typeof answer === 'string' && answer[0] === '!') throw new Error(slice(answer, 1))
    return answer
  }
  const writes = narrow ? narrow.writes : undefined
  /** Whether the field comes in at all, by place in `writes`. */
  const cameIn = writes ? writes.map((name) => includes(narrow.seen, name)) : []
  const mayBeSame = includes(cameIn, true)
  let current // the call that runs now

  const bytesOf = (text) => bufferOf().from(fromBase64(text).buffer)
  const openPacked = (text) => unpack(text, bytesOf)
  const standIn = (value) => (value === responseMark ? '[response]' : undefined)
  const packed = (value) => pack(value, toBase64, standIn)
  const encodeValue = (value) => (value === undefined ? 'U' : isJson(value) ? 'J' + stringify(value) : 'T' + packed(value))
  const decodeValue = (text) => (text === 'U' || text === undefined ? undefined : text[0] === 'J' ? parse(slice(text, 1)) : openPacked(slice(text, 1)))

  // ---- messages in: see frames.ts
  function readMessage(text) {
    const flags = charCode(text, 1) - 48
    let message
    switch (text[0]) {
      case 'P':
        message = { payload: text.length === 2 ? undefined : parseBody(slice(text, 2)) }
        break
      case 'J':
        message = parse(slice(text, 2))
        break
      case 'R': {
        const colon = indexOf(text, ':')
        const end = colon + 1 + +slice(text, 2, colon)
        message = parse(slice(text, colon + 1, end))
        message.payload = end === text.length ? undefined : parseBody(slice(text, end))
        break
      }
      case 'T':
        message = openPacked(slice(text, 2))
        break
      default:
        message = {}
    }
    if (flags & 1) freeze(message.req)
    if (flags & 2) message.res = responseMark
    return message
  }
  function parseBody(text) {
    try {
      return parse(text)
    } catch (error) {
      throw { malformed: error.message }
    }
  }

  // ---- messages out
  function writeMessage(message, call) {
    if (narrow && message === call.msg) return writeSame(message, call)
    let flags = 0
    if (message.req !== undefined && message.req === call.req) flags |= 1
    if (message.res === responseMark) flags |= 2
    let rest = message
    const payload = message.payload
    const tags = '' + flags
    if (isJson(message) || isJsonBut(message, flags)) {
      rest = {}
      for (const key of keysOf(message)) if (key !== 'payload' && !(key === 'req' && flags & 1) && !(key === 'res' && flags & 2)) put(rest, key, message[key])
      const text = stringify(rest)
      return 'o' + tags + text.length + ':' + text + (payload === undefined ? '' : stringify(payload))
    }
    rest = {}
    for (const key of keysOf(message)) if (!(key === 'req' && flags & 1) && !(key === 'res' && flags & 2)) put(rest, key, message[key])
    return 't' + tags + packed(rest)
  }
  const put = (object, key, value) => {
    if (key in objectPrototype) defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
    else object[key] = value
  }
  function isJsonBut(message, flags) {
    for (const key of keysOf(message)) {
      if (key === '__proto__') return false
      if (key === 'req' && flags & 1) continue
      if (key === 'res' && flags & 2) continue
      if (!isJson(message[key])) return false
    }
    return true
  }
  /** The message this call was given: only what the code can have changed goes back. */
  function writeSame(message, call) {
    let set
    let gone
    let payload
    let hasPayload = false
    let json = true
    for (let i = 0; i < writes.length; i++) {
      const key = writes[i]
      if (!hasOwn(message, key)) {
        if (cameIn[i]) (gone ??= []).push(key) // what never came in and was not assigned is still as it was
        continue
      }
      const value = message[key]
      if (key === 'req' && value === reqNow()) continue
      if (key === 'res' && value === responseMark) continue
      if (cameIn[i] && call.before !== undefined && typeof value !== 'object' && value === call.before[i]) continue
      json = json && isJson(value)
      if (key === 'payload') {
        payload = value
        hasPayload = true
      } else (set ??= {})[key] = value
    }
    if (!hasPayload && !set && !gone) return 'k'
    if (!json) return 'u' + packed({ set: hasPayload ? { ...set, payload } : set, gone: gone ?? [] })
    if (!set && !gone) return 'p' + stringify(payload)
    const text = stringify({ set: set ?? {}, gone: gone ?? [] })
    return 'f' + text.length + ':' + text + (hasPayload ? stringify(payload) : '')
  }
  /** Values that can be told to be the same afterwards, by their place in `writes`. */
  function valuesBefore(message) {
    const values = []
    for (let i = 0; i < writes.length; i++) values[i] = cameIn[i] ? message[writes[i]] : undefined
    return values
  }
  const reqNow = () => (current ? current.req : undefined)

  function result(call) {
    const { sends, events } = call
    if (meta.async) {
      call.sends = []
      call.events = []
    }
    if (events.length === 0) {
      if (sends.length === 0) return 'N'
      if (sends.length === 1 && sends[0][0] === 0) return 'S' + sends[0][1]
    }
    const head = stringify({ m: sends.map(([port, text]) => [port, text.length]), e: events })
    let text = 'G' + head.length + ':' + head
    for (let i = 0; i < sends.length; i++) text += sends[i][1]
    return text
  }

  function sendAll(call, messages) {
    if (messages === null || messages === undefined) return
    const ports = isArray(messages) ? messages : [messages]
    for (let port = 0; port < ports.length; port++) {
      if (!ports[port]) continue
      const list = isArray(ports[port]) ? ports[port] : [ports[port]]
      for (let i = 0; i < list.length; i++) {
        const message = list[i]
        if (message === null || message === undefined) continue
        const type = typeof message !== 'object' ? typeof message : isArray(message) ? 'Array' : message instanceof Bytes ? 'Buffer' : message instanceof Date ? 'Date' : ''
        if (type) call.events.push(['error', { message: `Function tried to send a message of type ${type}` }, -2])
        else if (port < outputs) call.sends.push([port, writeMessage(message, call)])
      }
    }
  }

  // ---- errors: name, message, and the line the user typed
  const place = /\b(function|on start|on stop):(\d+):(\d+)/
  const exec = RegExp.prototype.exec
  function describe(error) {
    if (error !== null && typeof error === 'object' && hasOwn(error, 'malformed')) return { malformed: error.malformed }
    try {
      if (error instanceof Error) {
        const stack = String(error.stack)
        const at = apply(exec, place, [stack])
        const facts = { name: String(error.name), message: String(error.message), stack: slice(stack, 0, 2000) }
        if (at) {
          facts.part = at[1]
          facts.line = +at[2]
          facts.column = +at[3]
        }
        if (typeof error.code === 'string' || typeof error.code === 'number') facts.code = error.code
        return facts
      }
      return { message: typeof error === 'object' ? stringify(error) : String(error) }
    } catch {
      return { message: 'The script threw a value that cannot be shown.' }
    }
  }
  function failure(error, call) {
    const facts = describe(error)
    if (call && (call.sends.length > 0 || call.events.length > 0)) {
      call.events.push(['throw', facts])
      return result(call)
    }
    return 'E' + stringify(facts)
  }

  const asText = (value) => {
    if (typeof value === 'string') return value
    if (value instanceof Error) return String(value)
    try {
      return typeof value === 'object' && value !== null ? stringify(value) : String(value)
    } catch {
      return String(value)
    }
  }

  // ---- the node object
  function makeNode(of, stopping) {
    const note = (level) => (text) => {
      const call = of()
      call.events.push(['log', level, asText(text)])
      if (meta.async) flush(call)
    }
    const node = {
      id: meta.id,
      name: meta.name,
      path: meta.path,
      outputCount: outputs,
      log: note('info'),
      warn: note('warn'),
      debug: note('debug'),
      trace: note('debug'),
      error(text, message) {
        const call = of()
        const facts = text instanceof Error ? describe(text) : { message: asText(text) }
        if (message !== null && typeof message === 'object') {
          call.sends.push([-1, writeMessage(message, call)])
          call.events.push(['error', facts, call.sends.length - 1])
        } else call.events.push(['error', facts, -1])
        if (meta.async) flush(call)
      },
      status(status) {
        const call = of()
        call.events.push(['status', typeof status === 'object' && status !== null ? { fill: status.fill, shape: status.shape, text: status.text === undefined ? undefined : String(status.text) } : { text: asText(status) }])
        if (meta.async) flush(call)
      },
      send(messages) {
        const call = of()
        if (stopping) return void call.events.push(['log', 'error', 'Cannot send from close function'])
        sendAll(call, messages)
        if (meta.async) flush(call)
      },
      done(error) {
        if (error !== undefined && error !== null) node.error(error, of().msg)
      },
      on(event, callback) {
        if (event === 'input') throw new Error('A function node cannot listen to its own input')
        if (event === 'close' && typeof callback === 'function') closers.push(callback)
      },
      linkcall() {
        throw new Error('node.linkcall is not available; wire a link call node instead')
      },
    }
    return node
  }
  const closers = []
  const flush = (call) => {
    if (call.id !== 0 && (call.sends.length > 0 || call.events.length > 0)) tell(call.id, 'r', result(call))
  }

  // ---- context
  const contextOf = (scope) => {
    const one = (op, key, value) => decodeValue(host('context', scope, op, String(key), value, current ? current.id : 0))
    return {
      get(key, store, callback) {
        const done = typeof store === 'function' ? store : callback
        let value
        try {
          value = isArray(key) ? key.map((k) => one('get', k)) : one('get', key)
        } catch (error) {
          if (done) return void done(error)
          throw error
        }
        if (!done) return value
        if (isArray(value) && isArray(key)) done(undefined, ...value)
        else done(undefined, value)
      },
      set(key, value, store, callback) {
        const done = typeof store === 'function' ? store : callback
        if (isArray(key)) for (let i = 0; i < key.length; i++) one('set', key[i], encodeValue(isArray(value) ? value[i] : i === 0 ? value : undefined))
        else one('set', key, encodeValue(value))
        if (done) done()
      },
      keys(store, callback) {
        const done = typeof store === 'function' ? store : callback
        const value = one('keys', '')
        if (!done) return value
        done(undefined, value)
      },
      increment: (key, by = 1) => one('increment', key, encodeValue(Number(by))),
    }
  }
  const lazy = (name, make) =>
    defineProperty(globalThis, name, {
      configurable: true,
      enumerable: false,
      get() {
        const value = make()
        defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false })
        return value
      },
      set(value) {
        defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false })
      },
    })
  const loaded = create(null)
  const load = (part) => (loaded[part] ??= parts[part]()({ host, toBase64, fromBase64, isJson, pack, unpack, flow: () => globalThis.flow, global: () => globalThis.global, env: () => globalThis.env }))

  /** The names that Node-RED gives to functions; closed ones use none of them. */
  function offerNames() {
    lazy('context', () => {
      const own = contextOf('node')
      defineProperty(own, 'flow', { get: () => globalThis.flow, enumerable: true })
      defineProperty(own, 'global', { get: () => globalThis.global, enumerable: true })
      return own
    })
    lazy('flow', () => contextOf('flow'))
    lazy('global', () => contextOf('global'))
    lazy('run', () => contextOf('run'))
    lazy('env', () => {
      const known = create(null)
      return { get: (name) => (hasOwn(known, name) ? known[name] : (known[name] = decodeValue(host('env', String(name))))) }
    })
    lazy('RED', () => ({ util: load('red-util') }))
    lazy('Buffer', bufferOf)
    for (const name of ['URL', 'URLSearchParams', 'TextEncoder', 'TextDecoder', 'structuredClone', 'btoa', 'atob']) lazy(name, () => load('web')[name])
    lazy('util', () => ({ promisify: (f) => (...args) => new Promise((ok, no) => f(...args, (error, value) => (error ? no(error) : ok(value)))) }))
    lazy('console', () => {
      const say = (level) => (...parts) => {
        if (!current) return
        current.events.push(['log', level, parts.map(asText).join(' ')])
        if (meta.async) flush(current)
      }
      return { log: say('info'), info: say('info'), warn: say('warn'), error: say('error'), debug: say('debug'), trace: say('debug') }
    })
  }
  if (!meta.closed) offerNames()

  // ---- timers: the host keeps the time, the guest the callbacks
  const timers = new Map()
  let timerCount = 0
  const ended = (call) => {
    if (call.settled && call.timers === 0 && !call.closed) {
      call.closed = true
      tell(call.id, 'c', '')
    }
  }
  const addTimer = (callback, afterMs, args, repeats) => {
    if (typeof callback !== 'function') throw new TypeError('A timer needs a function')
    const call = current
    const id = ++timerCount
    timers.set(id, { callback, args, call, repeats, afterMs: Math.max(repeats ? 1 : 0, +afterMs || 0) })
    call.timers++
    tell(call.id, 't', id + ',' + timers.get(id).afterMs)
    return id
  }
  const dropTimer = (id) => {
    const timer = timers.get(+id)
    if (!timer) return
    timers.delete(+id)
    timer.call.timers--
    tell(timer.call.id, 'q', '' + +id)
    if (timer.call !== current) ended(timer.call)
  }
  if (meta.async) {
    globalThis.setTimeout = (callback, ms, ...args) => addTimer(callback, ms, args, false)
    globalThis.setInterval = (callback, ms, ...args) => addTimer(callback, ms, args, true)
    globalThis.setImmediate = (callback, ...args) => addTimer(callback, 0, args, false)
    globalThis.clearTimeout = globalThis.clearInterval = globalThis.clearImmediate = dropTimer
    globalThis.queueMicrotask = (callback) => {
      apply(later, instant(), [
        () => {
          callback()
        },
      ])
    }
  }

  const newCall = (id, msg) => ({ id, msg, req: msg && msg.req, before: mayBeSame && msg ? valuesBefore(msg) : undefined, sends: [], events: [], timers: 0, settled: false, closed: false })
  const shared = meta.async ? undefined : makeNode(() => current)

  function callSync(text, id) {
    let call
    try {
      const msg = readMessage(text)
      current = call = newCall(id, msg)
      sendAll(call, fn(msg, shared))
      return result(call)
    } catch (error) {
      return failure(error, call)
    } finally {
      current = undefined
    }
  }

  function settle(call, promise) {
    apply(later, promise, [
      (value) => {
        const before = current
        current = call
        try {
          sendAll(call, value)
          call.settled = true
          tell(call.id, 'd', result(call))
        } catch (error) {
          call.settled = true
          tell(call.id, 'x', failure(error, call))
        }
        ended(call)
        current = before
      },
      (error) => {
        call.settled = true
        tell(call.id, 'x', failure(error, call))
        ended(call)
      },
    ])
  }
  function callAsync(text, id) {
    let msg
    try {
      msg = readMessage(text)
    } catch (error) {
      return failure(error)
    }
    const call = newCall(id, msg)
    current = call
    settle(call, fn(msg, makeNode(() => call)))
    return ''
  }
  function fire(id) {
    const timer = timers.get(id)
    if (!timer) return ''
    const { call } = timer
    current = call
    if (timer.repeats) tell(call.id, 't', id + ',' + timer.afterMs)
    else {
      timers.delete(id)
      call.timers--
    }
    try {
      timer.callback(...timer.args)
    } catch (error) {
      call.sends.push([-1, call.msg ? writeMessage(call.msg, call) : 'k'])
      call.events.push(['error', describe(error), call.sends.length - 1])
    }
    flush(call)
    ended(call)
    return ''
  }

  /** What the dispatcher needs to run plain functions by itself: see there. Only values of this context. */
  const forDispatcher = () => ({
    fn,
    read: readMessage,
    parse,
    prototype: objectPrototype,
    writes,
    cameIn,
    finish(message, answer) {
      const call = (current = newCall(0, message))
      call.before = undefined // taken now they would be the values after
      try {
        sendAll(call, answer)
        return result(call)
      } catch (error) {
        return failure(error, call)
      } finally {
        current = undefined
      }
    },
    failed: (error) => failure(error),
  })

  return function enter(op, a, b) {
    switch (op) {
      case 'd':
        return meta.plain ? forDispatcher() : undefined
      case 'c':
        return callSync(a, b)
      case 'a':
        return callAsync(a, b)
      case 'f':
        return fire(a)
      case 'x': // a call that nobody waits for any more
        for (const [id, timer] of timers) if (timer.call.id === a) dropTimer(id)
        return ''
      case 'i': {
        const call = newCall(a, undefined)
        current = call
        settle(call, start(makeNode(() => call)))
        return ''
      }
      default: {
        const call = newCall(0, undefined)
        current = call
        try {
          if (stop) stop(makeNode(() => call, true))
          for (const close of closers) close()
        } catch (error) {
          return failure(error, call)
        }
        return result(call)
      }
    }
  }
}
