import { isObject, mergeFields, toList, toNumber, type Plain } from '../scalars.ts'
import { argument, words, type MapFunction, type Reader } from '../function.ts'
import { keyOf } from './list.ts'

const latitude = argument('latitude', 'field', 'Latitude', '緯度欄位', { constant: true, default: 'lat', key: true })
const longitude = argument('longitude', 'field', 'Longitude', '經度欄位', { constant: true, default: 'lon', key: true })
const otherLatitude = argument('otherLatitude', 'field', 'Its latitude', '對方緯度欄位', { constant: true, default: 'lat', key: true, of: 0 })
const otherLongitude = argument('otherLongitude', 'field', 'Its longitude', '對方經度欄位', { constant: true, default: 'lon', key: true, of: 0 })

/** Mean radius of the earth, metres (IUGG). */
const radius = 6_371_008.8
/** A little less than a degree of latitude, so that rounding never drops the nearest. */
const metresADegree = (radius * Math.PI) / 180 * (1 - 1e-9)

/** Great-circle distance in metres (haversine). */
function distance(lat1: number, lon1: number, lat2: number, lon2: number): number {
  const rad = Math.PI / 180
  const h = Math.sin(((lat2 - lat1) * rad) / 2) ** 2 + Math.cos(lat1 * rad) * Math.cos(lat2 * rad) * Math.sin(((lon2 - lon1) * rad) / 2) ** 2
  return 2 * radius * Math.asin(Math.sqrt(Math.min(1, h)))
}

function toPoint(item: unknown, latitude: Reader, longitude: Reader): readonly [number, number] | undefined {
  const lat = toNumber(latitude(item))
  const lon = toNumber(longitude(item))
  if (lat === undefined || lon === undefined || Math.abs(lat) > 90 || Math.abs(lon) > 180) return undefined
  return [lat, lon]
}

/** Functions that put two things together. */
export const joinFunctions: readonly MapFunction[] = [
  {
    name: 'joinLists', category: 'join', label: words('Join two lists', '合併兩清單'), summary: words('Gives every item the item of another list that has the same key, under a name.', '依共同的鍵，將另一清單的項目放進每一項的指定欄位。'),
    arguments: [
      argument('list', 'list', 'Other list', '另一清單'), argument('key', 'field', 'Key here', '此清單的鍵', { constant: true, key: true }), argument('otherKey', 'field', 'Key there', '另一清單的鍵', { constant: true, key: true, of: 0 }),
      argument('as', 'text', 'Under the name', '放入欄位', { constant: true, default: 'other', maximum: 100 }),
      argument('keep', 'choice', 'Items without a match', '沒有對應的項目', { constant: true, default: 'all', choices: { all: words('keep', '保留'), matched: words('leave out', '略過') } }),
    ],
    example: { value: [{ id: 'A', name: '市府站' }, { id: 'B', name: '大安站' }], with: [[{ sno: 'A', bikes: 12 }], 'id', 'sno', 'now', 'all'], gives: [{ id: 'A', name: '市府站', now: { sno: 'A', bikes: 12 } }, { id: 'B', name: '大安站' }] },
    run(value, [other, key, otherKey, as, keep], spend) {
      const list = toList(value)
      const others = toList(other)
      spend(list.length + others.length)
      const byKey = new Map<string, unknown>()
      for (const item of others) {
        const at = keyOf((otherKey as Reader)(item))
        if (at !== undefined && !byKey.has(at)) byKey.set(at, item)
      }
      const joined: unknown[] = []
      for (const item of list) {
        if (!isObject(item)) continue
        const at = keyOf((key as Reader)(item))
        const match = at === undefined ? undefined : byKey.get(at)
        if (match !== undefined) joined.push(mergeFields([item, { [as as string]: match }], spend))
        else if (keep === 'all') joined.push(item)
      }
      return joined
    },
    jsonata: (v, [other, key, otherKey, as, keep]) => `$joinLists(${v}, ${other}, ${key}, ${otherKey}, ${as}, ${keep})`,
  },
  {
    name: 'nearest', category: 'join', label: words('Nearest place', '最近的地點'), summary: words('The item of a list that is nearest to the value, with distanceM in metres.', '清單中離此處最近的項目，並附上距離 distanceM（公尺）。'),
    arguments: [argument('list', 'list', 'Places', '地點清單'), latitude, longitude, otherLatitude, otherLongitude],
    example: {
      value: { name: '市府站', lat: 25.0408, lon: 121.5654 }, with: [[{ station: '大安', lat: 25.0263, lon: 121.5436 }, { station: '信義', lat: 25.0378, lon: 121.5645 }], 'lat', 'lon', 'lat', 'lon'],
      gives: { station: '信義', lat: 25.0378, lon: 121.5645, distanceM: 346 },
    },
    run(value, [places, lat, lon, otherLat, otherLon], spend) {
      const here = toPoint(value, lat as Reader, lon as Reader)
      if (!here) return undefined
      const list = toList(places)
      spend(list.length * 2)
      let best: Plain | undefined
      let least = Infinity
      for (const item of list) {
        const there = isObject(item) ? toPoint(item, otherLat as Reader, otherLon as Reader) : undefined
        // No way is shorter than that along the meridian: most places need no more than this.
        if (!there || Math.abs(there[0] - here[0]) * metresADegree > least) continue
        const metres = distance(here[0], here[1], there[0], there[1])
        if (metres < least) {
          least = metres
          best = item as Plain
        }
      }
      return best && mergeFields([best, { distanceM: Math.round(least) }], spend)
    },
    jsonata: (v, [places, lat, lon, otherLat, otherLon]) => `$nearest(${v}, ${places}, ${lat}, ${lon}, ${otherLat}, ${otherLon})`,
  },
  {
    name: 'distance', category: 'join', label: words('Distance', '距離'), summary: words('Metres from the value to another place.', '與另一地點的距離（公尺）。'),
    arguments: [argument('place', 'object', 'Place', '地點'), latitude, longitude, otherLatitude, otherLongitude],
    example: { value: { lat: 25.0478, lon: 121.5171 }, with: [{ lat: 25.0408, lon: 121.5654 }, 'lat', 'lon', 'lat', 'lon'], gives: 4928 },
    run(value, [place, lat, lon, otherLat, otherLon]) {
      const here = toPoint(value, lat as Reader, lon as Reader)
      const there = isObject(place) ? toPoint(place, otherLat as Reader, otherLon as Reader) : undefined
      return here && there ? Math.round(distance(here[0], here[1], there[0], there[1])) : undefined
    },
    jsonata: (v, [place, lat, lon, otherLat, otherLon]) => `$distance(${v}, ${place}, ${lat}, ${lon}, ${otherLat}, ${otherLon})`,
  },
  {
    name: 'lookup', category: 'join', label: words('Look up', '查表'), summary: words('The entry of a table under the value’s name; nothing when there is none.', '以值為名稱查表；查不到時沒有值。'),
    arguments: [argument('table', 'object', 'Table', '對照表')], example: { value: 'Wx', with: [{ Wx: '天氣現象', PoP: '降雨機率' }], gives: '天氣現象' },
    run(value, [table]) {
      const key = keyOf(value)
      return key !== undefined && isObject(table) && Object.hasOwn(table, key) ? table[key] : undefined
    },
    jsonata: (v, [table]) => `$lookUp(${v}, ${table})`,
  },
  {
    name: 'merge', category: 'join', label: words('Merge objects', '合併物件'), summary: words('The fields of two objects; where both have one, that of the second.', '兩個物件的欄位合在一起；重複時取後者。'),
    arguments: [argument('object', 'object', 'Object', '物件')], example: { value: { a: 1, b: 2 }, with: [{ b: 3 }], gives: { a: 1, b: 3 } },
    run(value, [more], spend) {
      if (!isObject(value)) return isObject(more) ? more : undefined
      return isObject(more) ? mergeFields([value, more], spend) : value
    },
    jsonata: (v, [more]) => `$mergeObjects(${v}, ${more})`,
  },
  {
    name: 'pick', category: 'join', label: words('Keep fields', '保留欄位'), summary: words('Only the named fields of an object, separated by commas.', '只保留物件中指名的欄位，以逗號分隔。'),
    arguments: [argument('fields', 'text', 'Fields', '欄位', { constant: true, maximum: 1000 })], example: { value: { id: 1, name: '大安', secret: 'x' }, with: ['id, name'], gives: { id: 1, name: '大安' } },
    run: (value, [names]) => (isObject(value) ? Object.fromEntries(toNames(names).filter((name) => Object.hasOwn(value, name)).map((name) => [name, value[name]])) : undefined),
    jsonata: (v, _, [names]) => `$pick(${v}, ${JSON.stringify(toNames(names))})`,
  },
]

function toNames(text: unknown): string[] {
  return [...new Set(String(text).split(',').map((name) => name.trim()).filter((name) => name !== '' && name !== '__proto__'))]
}
