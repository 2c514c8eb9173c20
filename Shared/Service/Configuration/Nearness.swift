/// How many letters must be put in, left out or replaced to make one word of the other (Levenshtein).
func distance(_ one: String, _ other: String) -> Int {
    let a = Array(one.lowercased())
    let b = Array(other.lowercased())
    var row = Array(0...b.count)
    for (i, letter) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, counterpart) in b.enumerated() {
            let replaced = diagonal + (letter == counterpart ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
        }
    }
    return row[b.count]
}

/// The word of `known` that is nearest to `word`; the first of several equally near ones.
func nearest(to word: String, among known: [String]) -> String? {
    known.min { distance($0, word) < distance($1, word) }
}
