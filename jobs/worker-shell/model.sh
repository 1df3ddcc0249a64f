# A worker: reads one JSON object a line, answers one line. How many steps does the Collatz sequence take to reach 1?
while read -r line; do
    item=${line#*'"item": '} item=${item%%[,\}]*}      # what follows the name, up to the next comma or brace
    first=${line#*'"first": '} first=${first%%[,\}]*}
    start=$((item + first)) n=$start steps=0
    while [ "$n" != 1 ]; do
        if [ $((n % 2)) = 0 ]; then n=$((n / 2)); else n=$((3 * n + 1)); fi
        steps=$((steps + 1))
    done
    if [ "$steps" -gt 100 ]; then verdict=long; else verdict=short; fi
    echo "{\"item\": $item, \"start\": $start, \"steps\": $steps, \"verdict\": \"$verdict\"}"
done
