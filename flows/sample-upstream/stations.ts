import { taipeiTime } from './taipei-time.ts'

type Dock = readonly [name: string, lat: number, lng: number, docks: number, bikes: number]

/** District with its English name and a handful of invented docking stations near well-known places. */
const districts: readonly (readonly [district: string, english: string, stations: readonly Dock[]])[] = [
  ['中正區', 'Zhongzheng Dist', [['捷運臺大醫院站(1號出口)', 25.0413, 121.5163, 24, 9], ['自由廣場', 25.0370, 121.5178, 32, 20], ['捷運古亭站(5號出口)', 25.0263, 121.5229, 28, 0], ['南昌公園', 25.0294, 121.5205, 18, 6]]],
  ['大同區', 'Datong Dist', [['捷運雙連站(2號出口)', 25.0577, 121.5205, 26, 11], ['大稻埕碼頭', 25.0567, 121.5081, 40, 33], ['蘭州國中', 25.0626, 121.5136, 16, 3]]],
  ['中山區', 'Zhongshan Dist', [['捷運中山國小站(2號出口)', 25.0627, 121.5264, 22, 5], ['美術館', 25.0722, 121.5249, 36, 24], ['捷運大直站(2號出口)', 25.0797, 121.5469, 30, 14], ['榮星花園', 25.0635, 121.5391, 20, 8]]],
  ['松山區', 'Songshan Dist', [['捷運松山站(4號出口)', 25.0500, 121.5776, 30, 7], ['民生社區中心', 25.0589, 121.5595, 20, 12], ['松山機場', 25.0632, 121.5518, 34, 19], ['小巨蛋', 25.0516, 121.5498, 44, 0]]],
  ['大安區', 'Daan Dist', [['捷運大安森林公園站(6號出口)', 25.0333, 121.5351, 38, 21], ['師大公園', 25.0244, 121.5288, 18, 2], ['捷運忠孝復興站(2號出口)', 25.0411, 121.5443, 26, 4], ['國北教大', 25.0243, 121.5441, 24, 15]]],
  ['萬華區', 'Wanhua Dist', [['龍山寺廣場', 25.0365, 121.4999, 28, 16], ['青年公園', 25.0226, 121.5060, 32, 25], ['西門紅樓', 25.0421, 121.5069, 20, 1]]],
  ['信義區', 'Xinyi Dist', [['捷運市政府站(3號出口)', 25.0408, 121.5674, 48, 10], ['松山文創園區', 25.0437, 121.5606, 30, 18], ['象山公園', 25.0319, 121.5709, 22, 22], ['吳興國小', 25.0250, 121.5643, 16, 5]]],
  ['士林區', 'Shilin Dist', [['捷運士林站(1號出口)', 25.0935, 121.5262, 34, 13], ['科學教育館', 25.0958, 121.5161, 26, 17], ['天母運動公園', 25.1155, 121.5343, 24, 6]]],
  ['北投區', 'Beitou Dist', [['捷運北投站', 25.1318, 121.4986, 28, 12], ['捷運石牌站(2號出口)', 25.1144, 121.5156, 32, 4], ['關渡自然公園', 25.1201, 121.4702, 18, 10]]],
  ['內湖區', 'Neihu Dist', [['捷運內湖站(1號出口)', 25.0837, 121.5944, 26, 8], ['碧湖公園', 25.0812, 121.5850, 24, 20], ['瑞光路口', 25.0786, 121.5747, 42, 0]]],
  ['南港區', 'Nangang Dist', [['捷運南港展覽館站(5號出口)', 25.0546, 121.6174, 46, 27], ['中央研究院', 25.0421, 121.6147, 30, 14], ['南港車站', 25.0521, 121.6069, 36, 9]]],
  ['文山區', 'Wenshan Dist', [['捷運萬芳醫院站', 24.9993, 121.5580, 22, 7], ['政治大學', 24.9877, 121.5770, 38, 29], ['景美夜市', 24.9908, 121.5418, 20, 3]]],
]

/** Bikes and docks at this moment, in the shape of Taipei City's YouBike 2.0 feed. One station is out of service. */
export function stations(now: Date): unknown {
  const minuteAgo = new Date(now.getTime() - 60_000)
  return districts.flatMap(([sarea, sareaen, list], district) => list.map(([name, lat, lng, tot, sbi], index) => {
    const infoTime = taipeiTime(new Date(minuteAgo.getTime() - ((district * 7 + index * 13) % 50) * 1_000))
    return {
      sno: `5001${String(district + 1).padStart(2, '0')}${String(index + 1).padStart(3, '0')}`,
      sna: `YouBike2.0_${name}`,
      tot,
      sbi,
      sarea,
      mday: infoTime,
      lat,
      lng,
      ar: name,
      sareaen,
      bemp: tot - sbi,
      act: name === '吳興國小' ? '0' : '1',
      srcUpdateTime: taipeiTime(minuteAgo),
      updateTime: taipeiTime(now),
      infoTime,
      infoDate: infoTime.slice(0, 10),
    }
  }))
}
