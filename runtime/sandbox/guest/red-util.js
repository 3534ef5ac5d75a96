/** The part of Node-RED's `RED.util` that functions use. An expression: a function of what the prelude lends. */
(({ toBase64, fromBase64, pack, unpack, flow, global, env }) => {
  const bytesOf = (text) => globalThis.Buffer.from(fromBase64(text).buffer)
  const forbidden = new Set(['__proto__', 'constructor', 'prototype'])

  const generateId = () => Array.from({ length: 16 }, () => Math.floor(Math.random() * 16).toString(16)).join('')

  function cloneMessage(message) {
    if (message === null || typeof message !== 'object') return message
    const { req, res, ...rest } = message
    const copy = unpack(pack(rest, toBase64), bytesOf)
    if (req !== undefined) copy.req = req
    if (res !== undefined) copy.res = res
    return copy
  }

  const ensureString = (value) => (value instanceof Uint8Array ? globalThis.Buffer.from(value).toString() : typeof value === 'object' ? JSON.stringify(value) : typeof value === 'string' ? value : `${value}`)
  const ensureBuffer = (value) => (value instanceof Uint8Array ? value : globalThis.Buffer.from(ensureString(value)))

  function compareObjects(a, b) {
    if (a === b) return true
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
    if (Array.isArray(a) !== Array.isArray(b)) return false
    if (a instanceof Date || b instanceof Date) return a instanceof Date && b instanceof Date && a.getTime() === b.getTime()
    const keys = Object.keys(a)
    return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && compareObjects(a[key], b[key]))
  }

  const wrong = (text, at, why) => {
    const error = new Error(`Invalid property expression: ${why} at position ${at}`)
    error.code = 'INVALID_EXPR'
    return error
  }
  /** `a.b["c"][0][msg.x]` as its steps; a step in brackets that begins with `msg` is looked up in the message. */
  function normalisePropertyExpression(text, message, asText) {
    text = String(text)
    if (text === '') throw wrong(text, 0, 'zero-length')
    const steps = []
    let at = 0
    let wantsName = true
    while (at < text.length) {
      const c = text[at]
      if (c === '[') {
        if (wantsName && at > 0) throw wrong(text, at, "unexpected '['")
        const quote = text[at + 1]
        if (quote === '"' || quote === "'") {
          const end = text.indexOf(quote, at + 2)
          if (end < 0) throw wrong(text, at, 'unterminated text')
          if (text[end + 1] !== ']') throw wrong(text, end, "expected ']'")
          if (end === at + 2) throw wrong(text, at, 'zero-length text')
          steps.push(text.slice(at + 2, end))
          at = end + 2
        } else {
          let depth = 1
          let end = at + 1
          for (; end < text.length && depth > 0; end++) depth += text[end] === '[' ? 1 : text[end] === ']' ? -1 : 0
          if (depth > 0) throw wrong(text, at, "expected ']'")
          const inner = text.slice(at + 1, end - 1)
          if (/^\d+$/.test(inner)) steps.push(Number(inner))
          else if (/^msg[.[]/.test(inner)) {
            const nested = normalisePropertyExpression(inner, message)
            const value = message === undefined ? nested : getMessageProperty(message, inner)
            if (value === undefined) throw wrong(text, at, `${inner} is undefined`)
            steps.push(value)
          } else throw wrong(text, at + 1, `unexpected '${inner[0] ?? ']'}'`)
          at = end
        }
        wantsName = false
      } else if (c === '.') {
        if (wantsName) throw wrong(text, at, "unexpected '.'")
        wantsName = true
        at++
        if (at === text.length) throw wrong(text, at, 'unterminated expression')
      } else {
        if (!wantsName) throw wrong(text, at, `unexpected '${c}'`)
        const match = /^[^\s.[\]'"]+/.exec(text.slice(at))
        if (!match) throw wrong(text, at, `unexpected '${c}'`)
        steps.push(match[0])
        at += match[0].length
        wantsName = false
      }
    }
    if (asText) return steps.map((step, i) => (i === 0 ? step : typeof step === 'number' ? `[${step}]` : `[${JSON.stringify(step)}]`)).join('')
    return steps
  }

  function getObjectProperty(object, expression) {
    let value = object
    for (const step of normalisePropertyExpression(expression, object)) {
      value = (typeof value === 'object' && value !== null) || typeof value === 'function' ? (Object.hasOwn(value, step) || !forbidden.has(step) ? value[step] : undefined) : value[step]
    }
    return value
  }
  const withoutMsg = (expression) => (/^msg[.[]/.test(expression) ? expression.replace(/^msg\.?/, '') : expression)
  const getMessageProperty = (message, expression) => getObjectProperty(message, withoutMsg(String(expression)))

  function setObjectProperty(object, expression, value, createMissing = value !== undefined) {
    const steps = normalisePropertyExpression(expression, object)
    if (steps.some((step) => forbidden.has(step))) return false
    let at = object
    for (let i = 0; i < steps.length - 1; i++) {
      const step = steps[i]
      if (at[step] === undefined || at[step] === null) {
        if (!createMissing) return null
        at[step] = typeof steps[i + 1] === 'number' ? [] : {}
      } else if (typeof at[step] !== 'object') return false
      at = at[step]
    }
    const last = steps[steps.length - 1]
    if (value !== undefined) at[last] = value
    else if (Array.isArray(at)) at.splice(last, 1)
    else delete at[last]
    return true
  }
  const setMessageProperty = (message, expression, value, createMissing) => setObjectProperty(message, withoutMsg(String(expression)), value, createMissing)

  function evaluateNodeProperty(value, type, node, message, callback) {
    const evaluate = () => {
      switch (type) {
        case 'num':
          return Number(value)
        case 'bool':
          return /^true$/i.test(value)
        case 'json':
          return JSON.parse(value)
        case 'bin':
          return globalThis.Buffer.from(JSON.parse(value))
        case 'date':
          return value === 'object' ? new Date() : value === 'iso' ? new Date().toISOString() : Date.now()
        case 'msg':
          return message === undefined || message === null ? undefined : getMessageProperty(message, value)
        case 'flow':
          return flow().get(value)
        case 'global':
          return global().get(value)
        case 'env':
          return env().get(value)
        case 're':
          return new RegExp(value)
        case 'jsonata':
          throw new Error('Expressions cannot be evaluated inside a function; use a change or transform node')
        default:
          return value
      }
    }
    if (!callback) return evaluate()
    let result
    try {
      result = evaluate()
    } catch (error) {
      callback(error)
      return
    }
    callback(null, result)
  }

  const parseContextStore = (key) => {
    const match = /^#:\((\S+?)\)::(.*)$/.exec(key)
    return match ? { store: match[1], key: match[2] } : { key }
  }

  return {
    generateId, cloneMessage, ensureString, ensureBuffer, compareObjects, normalisePropertyExpression, getObjectProperty, getMessageProperty,
    setObjectProperty, setMessageProperty, evaluateNodeProperty, parseContextStore,
  }
})
