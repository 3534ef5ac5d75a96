import { isIPv4, isIPv6 } from 'node:net'

/**
 * Formats that are checked (JSON Schema validation 2020-12 §7.3, and those of numbers and bytes that OpenAPI registers). None of the
 * expressions here can look at one place twice: the texts come from callers.
 */
export const textFormats: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': isDateTime,
  date: isDate,
  time: isTime,
  duration: (text) => /^P(?:\d+W|(?=[\dT])(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)?(?:T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?)$/.test(text),
  email: (text) => isEmail(text, isHostname),
  'idn-email': (text) => isEmail(text, isIdnHostname),
  hostname: isHostname,
  'idn-hostname': isIdnHostname,
  ipv4: isIPv4,
  ipv6: (text) => isIPv6(text) && !text.includes('%'),
  uri: (text) => isUri(text, false) && /^[a-z][a-z0-9+.-]*:/i.test(text),
  'uri-reference': (text) => isUri(text, false),
  iri: (text) => isUri(text, true) && /^[a-z][a-z0-9+.-]*:/i.test(text),
  'iri-reference': (text) => isUri(text, true),
  uuid: (text) => /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i.test(text),
  'uri-template': (text) => /^(?:[^\s"<>\\^`{|}%\u007f]|%[\da-f]{2}|\{[+#./;?&=,!@|]?(?:\w|%[\da-f]{2})(?:\.?(?:\w|%[\da-f]{2}))*(?::[1-9]\d{0,3}|\*)?(?:,(?:\w|%[\da-f]{2})(?:\.?(?:\w|%[\da-f]{2}))*(?::[1-9]\d{0,3}|\*)?)*\})*$/i.test(text),
  'json-pointer': isJsonPointer,
  'relative-json-pointer': (text) => {
    const [, rest] = /^(?:0|[1-9]\d*)(?:[+-][1-9]\d*)?(#|\/.*)?$/s.exec(text) ?? [text, null]
    return rest !== null && (rest === undefined || rest === '#' || isJsonPointer(rest))
  },
  regex: isRegex,
  byte: (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
}

export const numberFormats: Readonly<Record<string, (number: number) => boolean>> = {
  int32: (number) => Number.isInteger(number) && number >= -2147483648 && number <= 2147483647,
  // What lies beyond 2^53 has lost its digits when it was parsed, so that only its size can be judged.
  int64: (number) => Number.isInteger(number) && number >= -(2 ** 63) && number <= 2 ** 63,
}

const days = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** RFC 3339 full-date. */
function isDate(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? []
  if (year === undefined) return false
  const isLeap = Number(year) % 4 === 0 && (Number(year) % 100 !== 0 || Number(year) % 400 === 0)
  const most = month === '02' && isLeap ? 29 : (days[Number(month) - 1] ?? 0)
  return Number(day) >= 1 && Number(day) <= most
}

/** RFC 3339 full-time; a leap second is one at midnight UTC only. */
function isTime(text: string): boolean {
  const [, hour, minute, second, zone] = /^(\d\d):(\d\d):(\d\d)(?:\.\d+)?(z|[+-]\d\d:\d\d)$/i.exec(text) ?? []
  if (zone === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return false
  const [, sign, hours, minutes] = /^([+-])(\d\d):(\d\d)$/.exec(zone) ?? []
  if (sign !== undefined && (Number(hours) > 23 || Number(minutes) > 59)) return false
  if (Number(second) < 60) return true
  const offset = sign === undefined ? 0 : (sign === '+' ? 1 : -1) * (Number(hours) * 60 + Number(minutes))
  return (Number(hour) * 60 + Number(minute) - offset + 2880) % 1440 === 1439
}

function isDateTime(text: string): boolean {
  return /^.{10}[t]/i.test(text) && isDate(text.slice(0, 10)) && isTime(text.slice(11))
}

/** RFC 1123 §2.1; punycode labels are not looked into. */
function isHostname(text: string): boolean {
  return text.length <= 253 && text !== '' && text.split('.').every((label) => /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/i.test(label) && !/^(?!xn--)..--/i.test(label))
}

function isIdnHostname(text: string): boolean {
  if (text === '' || text.length > 253 || /[\s/:@?#\\%]/.test(text)) return false
  return URL.canParse(`http://${text}/`) && text.split(/[.\u3002\uff0e\uff61]/).every((label) => label !== '' && label.length <= 63 && !label.startsWith('-') && !label.endsWith('-'))
}

function isEmail(text: string, isHost: (host: string) => boolean): boolean {
  const at = text.lastIndexOf('@')
  const local = text.slice(0, at)
  const host = text.slice(at + 1)
  if (at < 1 || local.length > 64) return false
  const isLocal = /^"(?:[^"\\]|\\.)*"$/.test(local) || (/^[^\s"(),:;<>@[\\\]]+$/.test(local) && !/^\.|\.\.|\.$/.test(local))
  if (!isLocal) return false
  const [, address] = /^\[(?:ipv6:)?(.*)\]$/i.exec(host) ?? []
  return address === undefined ? isHost(host) : isIPv4(address) || isIPv6(address)
}

/** RFC 3986 and 3987, as far as their characters, percent-encodings, authority and port go. */
function isUri(text: string, international: boolean): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what is kept out
  if (/[\s"<>\\^`{|}\u0000-\u0020\u007f]/.test(text) || /%(?![\da-f]{2})/i.test(text) || text.indexOf('#') !== text.lastIndexOf('#')) return false
  if (!international && /[^\u0021-\u007e]/.test(text)) return false
  const [, scheme, authority, rest = ''] = /^(?:([^:/?#]*):)?(?:\/\/([^/?#]*))?(.*)$/s.exec(text) ?? []
  if (scheme !== undefined && !/^[a-z][a-z\d+.-]*$/i.test(scheme)) return false
  if (/[[\]]/.test(rest)) return false
  if (authority === undefined) return true
  const host = authority.slice(authority.lastIndexOf('@') + 1)
  const user = authority.slice(0, Math.max(0, authority.lastIndexOf('@')))
  const [, literal] = /^\[([^\]]*)\](?::\d*)?$/.exec(host) ?? []
  if (literal !== undefined) return !/[[\]@]/.test(user) && (isIPv6(literal) || /^v[\da-f]+\./i.test(literal))
  return !/[[\]@]/.test(user) && /^[^[\]:@]*(?::\d*)?$/.test(host)
}

function isJsonPointer(text: string): boolean {
  return (text === '' || text.startsWith('/')) && !/~(?![01])/.test(text)
}

function isRegex(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp
  } catch {
    return false
  }
}
