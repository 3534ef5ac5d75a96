const marks: readonly (readonly [type: string, at: number, bytes: string])[] = [
  ['application/pdf', 0, '25504446'], ['image/png', 0, '89504e470d0a1a0a'], ['image/jpeg', 0, 'ffd8ff'], ['image/gif', 0, '47494638'], ['image/webp', 8, '57454250'],
  ['application/zip', 0, '504b0304'], ['application/gzip', 0, '1f8b'], ['video/mp4', 4, '66747970'], ['image/tiff', 0, '49492a00'], ['image/tiff', 0, '4d4d002a'],
  ['application/x-executable', 0, '7f454c46'], ['application/x-msdownload', 0, '4d5a'],
]

/** What a file is by its first bytes (at least 16), where these are unmistakable. */
export function sniffType(head: Buffer): string | undefined {
  return marks.find(([, at, bytes]) => head.subarray(at, at + bytes.length / 2).toString('hex') === bytes)?.[0]
}

/** Whether a declared type fits what was seen: zip holds office documents, and text has no marks. */
export function agrees(declared: string, seen: string | undefined): boolean {
  const isMarked = marks.some(([type]) => type === declared)
  if (seen === undefined) return !isMarked
  if (declared === seen || declared === 'application/octet-stream' || declared === '') return true
  if (seen === 'application/zip') return /officedocument|opendocument|epub|java-archive|\+zip$|x-zip/.test(declared)
  return seen === 'video/mp4' ? /^(?:video|audio|image)\//.test(declared) && !isMarked : false
}
