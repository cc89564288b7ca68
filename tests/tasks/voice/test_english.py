"""English as it is spoken, against a table that was written by hand."""

from __future__ import annotations

import pytest

from edgemm.tasks.voice.english import BRITISH, ENGLISH
from edgemm.tasks.voice.english import numbers as english

pytestmark = pytest.mark.device

SPOKEN = """
0 | zero
1 | one
13 | thirteen
20 | twenty
42 | forty two
100 | one hundred
101 | one hundred one
999 | nine hundred ninety nine
1,000 | one thousand
1,001 | one thousand one
12,345 | twelve thousand three hundred forty five
1,000,000 | one million
2,500,000 | two million five hundred thousand
1,000,000,001 | one billion one
The answer is 7 | The answer is seven
-4 | minus four
−12 degrees | minus twelve degrees
It fell to -3.5 points | It fell to minus three point five points
3.14 | three point one four
0.05 | zero point zero five
.5 | point five
10.0 | ten point zero
1,234.56 | one thousand two hundred thirty four point five six
007 | zero zero seven
24:00 | midnight
24:30 | twenty four to thirty
-007 | minus zero zero seven
Room 012 | Room zero one two
12345678901 | one two three four five six seven eight nine zero one
7k | seven thousand
100 000 people | one hundred thousand people
1st | first
2nd | second
3rd | third
5th | fifth
8th | eighth
9th | ninth
11th | eleventh
12th | twelfth
20th | twentieth
21st | twenty first
32nd | thirty second
100th | one hundredth
101st | one hundred first
1,000th | one thousandth
the 19th century | the nineteenth century
1/2 | one half
3/2 | three over two
1/3 | one third
2/3 | two thirds
3/4 | three quarters
5/8 | five eighths
7/10 | seven tenths
1/100 | one hundredth
15/37 | fifteen over thirty seven
10/10 | ten out of ten
2 1/2 | two and a half
1 3/4 miles | one and three quarters miles
3½ | three and a half
¼ cup | one quarter cup
24/7 | twenty four seven
5% | five percent
1 % | one percent
99.9% | ninety nine point nine percent
-2% | minus two percent
5-10% | five to ten percent
30%-40% | thirty to forty percent
5-10 | five to ten
pages 12–15 | pages twelve to fifteen
aged 18-25 | aged eighteen to twenty five
won 3-1 | won three to one
2.5–3.5 | two point five to three point five
7:30 | seven thirty
7:30 pm | seven thirty P M
12:60 | twelve sixty
He ran 3:59.4 | He ran three fifty nine point four
in 3:05.45 flat | in three oh five point four five flat
1:02:03.5 in all | one oh two oh three point five in all
3:00.5 | three zero zero point five
10 in. wide | ten inches wide
a 10 in. pipe | a ten inch pipe
1 in. of rain | one inch of rain
a 1/2 in. bolt | a one half inch bolt
5 in. by 7 in. | five inches by seven inches
It is 10 in. | It is ten inches
(3.5 in.) | (three point five inches)
She put 10 in. | She put ten in
3 in 4 people | three in four people
an 8.5 × 11 in. page | an eight point five by eleven inch page
a 3" pipe and a 27" screen | a three inch pipe and a twenty seven inch screen
He said "it was 27" yesterday | He said "it was twenty seven " yesterday
5' 10" | five foot ten
5' tall | five feet tall
a 6 ft. wall | a six foot wall
6 ft. tall | six feet tall
5 ft. 2 in. tall | five feet two inches tall
10 lbs. of salt | ten pounds of salt
20 min. later | twenty minutes later
It took 20 min. | It took twenty minutes
2 tbsp. of oil and 1 tsp. salt | two tablespoons of oil and one teaspoon salt
5 gal. of it | five gallons of it
12 sq. ft. of it | twelve square feet of it
2 cu ft | two cubic feet
30 deg. C | thirty degrees Celsius
4 x 6 cm | four by six centimeters
4 cm x 6 cm | four centimeters by six centimeters
$-5 | minus five dollars
€-3.50 | minus three euros and fifty cents
from $5 to $-5 | from five dollars to minus five dollars
$5/lb | five dollars per pound
Mon.–Fri. 9am | Monday to Friday nine A M
Mon-Fri | Monday to Friday
Jan.–Mar. | January to March
On Mar. 4 we met. | On March fourth we met
on Jul. 12 and Apr. 3 | on July twelfth and April third
the 5's and 6's | the fives and sixes
C# and C++ | C sharp and C plus plus
Play F#. | Play F sharp
A & B. | A and B
A+ | A plus
I, II, and III | one, two, and three
Parts I, II and IV are due. | Parts one, two and four are due
You and I and Vi | You and I and Vi
The door code is 4711. | The door code is four seven one one
PIN: 0815 | PIN: zero eight one five
extension 204 | extension two zero four
The code has 4711 lines. | The code has four thousand seven hundred eleven lines
7:30pm | seven thirty P M
7:30 p.m. | seven thirty P M
7.30 pm | seven thirty P M
7:05 a.m. | seven oh five A M
8 am | eight A M
8 a.m. sharp | eight A M sharp
12 PM | twelve P M
19:05 | nineteen oh five
21:45 | twenty one forty five
12:00 | twelve o'clock
9:00 | nine o'clock
18:00 | eighteen hundred
13:00 | thirteen hundred
00:00 | midnight
10:15:30 | ten fifteen and thirty seconds
9am-5pm | nine A M to five P M
9:00-10:30 | nine o'clock to ten thirty
a ratio of 3:30 | a ratio of three to thirty
16:9 | sixteen to nine
2:1 | two to one
March 5, 2024 | March fifth, twenty twenty four
March 5 | March fifth
March 21st | March twenty first
Mar. 5 | March fifth
5 March 2024 | the fifth of March twenty twenty four
the 5th of March | the fifth of March
4th of July | the fourth of July
Dec. 25, 1999 | December twenty fifth, nineteen ninety nine
2024-03-05 | March fifth, twenty twenty four
12/25/2023 | December twenty fifth, twenty twenty three
12/12/2023 | December twelfth, twenty twenty three
1/31/2023 | January thirty first, twenty twenty three
13/1/2023 | January thirteenth, twenty twenty three
12/13/49 | December thirteenth, twenty forty nine
12/13/50 | December thirteenth, nineteen fifty
25/12/2023 | December twenty fifth, twenty twenty three
01.02.2003 | February first, two thousand three
June 2019 | June twenty nineteen
May 3-5 | May third to fifth
Mon, 3 June | Monday, the third of June
Sept. 11 | September eleventh
1984 | nineteen eighty four
1799 | one thousand seven hundred ninety nine
1800 | eighteen hundred
2099 | twenty ninety nine
2100 | two thousand one hundred
1905 | nineteen oh five
1900 | nineteen hundred
2000 | two thousand
2005 | two thousand five
2010 | twenty ten
in 1000 | in one thousand
in 1005 | in one thousand five
in 1066 | in ten sixty six
1066 soldiers | one thousand sixty six soldiers
1939-1945 | nineteen thirty nine to nineteen forty five
1914–18 | nineteen fourteen to eighteen
the 1990s | the nineteen nineties
the 1900s | the nineteen hundreds
the 80s | the eighties
the '60s | the sixties
in '99 | in ninety nine
in '05 | in oh five
in '10 | in ten
1950 cars | one thousand nine hundred fifty cars
$1 | one dollar
$5 | five dollars
$3.50 | three dollars and fifty cents
$1.01 | one dollar and one cent
$0.99 | ninety nine cents
$0.01 | one cent
$.50 | fifty cents
$0 | zero dollars
$2.5 | two dollars and fifty cents
$20.00 | twenty dollars
$1,250 | one thousand two hundred fifty dollars
-$5 | minus five dollars
£1 | one pound
£1.01 | one pound and one penny
£1,200.05 | one thousand two hundred pounds and five pence
€2m | two million euros
€0.50 | fifty cents
€5.5bn | five point five billion euros
$1.5 million | one point five million dollars
$2 billion | two billion dollars
a $20 bill | a twenty dollar bill
a $3-billion deal | a three billion dollar deal
$5-$10 | five to ten dollars
$5-10 | five to ten dollars
¥500 | five hundred yen
100 USD | one hundred U S dollars
20 € | twenty euros
US$3 | three U S dollars
50p | fifty pence
1p | one penny
99¢ | ninety nine cents
$0.0035 | zero point zero zero three five dollars
$9/month | nine dollars per month
5 km | five kilometers
1 km | one kilometer
5km | five kilometers
1.5 km | one point five kilometers
a 10-km run | a ten kilometer run
80 kg | eighty kilograms
250 ml | two hundred fifty milliliters
20°C | twenty degrees Celsius
-1 °C | minus one degree Celsius
98.6 °F | ninety eight point six degrees Fahrenheit
90° | ninety degrees
60 mph | sixty miles per hour
100 km/h | one hundred kilometers per hour
9.81 m/s² | nine point eight one meters per second squared
30 m² | thirty square meters
2 m³ | two cubic meters
6 ft 2 in | six feet two inches
5'10" | five foot ten
12 oz | twelve ounces
3 lbs | three pounds
16 GB | sixteen gigabytes
2.4 GHz | two point four gigahertz
50 Hz | fifty hertz
45 min | forty five minutes
1/2 kg | one half kilogram
5-10 kg | five to ten kilograms
300 dpi | three hundred dots per inch
1920x1080 | one thousand nine hundred twenty by one thousand eighty
4 x 4 | four by four
Dr. Smith | Doctor Smith
Mr. Jones and Mrs. Hill | Mister Jones and Missus Hill
Mr. & Mrs. Hill | Mister and Missus Hill
Prof. Lee | Professor Lee
St. Paul | Saint Paul
12 Elm St. in York | twelve Elm Street in York
12 Elm St. Boston | twelve Elm Street Boston
9 Oak Dr. is near | nine Oak Drive is near
we met Dr. Oak | we met Doctor Oak
5th Ave. | fifth Avenue
fruit, e.g. pears | fruit, for example pears
i.e. never | that is never
and so on, etc. | and so on, et cetera
cats vs. dogs | cats versus dogs
No. 5 | number five
#3 | number three
p. 12 | page twelve
pp. 3-7 | pages three to seven
Smith Jr. left | Smith Junior left
Acme Inc. grew | Acme Incorporated grew
approx. 30 | approximately thirty
Ph.D. | P H D
J. K. Rowling | J K Rowling
the U.S. Army | the U S Army
the FBI | the F B I
the BBC's film | the B B C's film
two CDs | two C D's
NASA flew | NASA flew
an MP3 | an M P three
H2O | H two O
a 3D film | a three D film
5G | five G
4K | four K
COVID-19 | COVID nineteen
A4 paper | A four paper
flight BA2024 | flight B A twenty twenty four
flight BA5 | flight B A five
flight BA123 | flight B A one twenty three
PLEASE DO NOT TOUCH THE DOOR | please do not touch the door
A dog barked | a dog barked
Vitamin A is good | Vitamin A is good
World War II | World War two
Henry VIII died | Henry the eighth died
Chapter IV | Chapter four
the XIX century | the nineteenth century
I am here | I am here
R&D | R and D
salt & pepper | salt and pepper
2 + 2 = 4 | two plus two equals four
and/or | and or
black/white | black slash white
w/o sugar | without sugar
jo@example.com | jo at example dot com
ann_lee42@mail.co.uk | ann underscore lee four two at mail dot co dot U K
www.example.org | W W W dot example dot org
https://example.com/docs/ | example dot com slash docs
192.168.0.1 | one nine two dot one six eight dot zero dot one
500-1000 | five hundred to one thousand
555-1000 | five five five, one zero zero zero
555-1234 | five five five, one two three four
(212) 555-0199 | two one two, five five five, zero one nine nine
+44 20 7946 0958 | plus four four, two zero, seven nine four six, zero nine five eight
version 3.11.2 | version three point eleven point two
v2.0 | version two point zero
a well-known 5-year-old | a well known five year old
don't stop | don't stop
a - b | a — b
- milk | milk
yes – no | yes — no
wait... what | wait… what
x² | x squared
~30 | about thirty
"""

CASES = [tuple(part.strip() for part in line.split(" | ")) for line in SPOKEN.strip().splitlines()]


def test_there_are_many_cases() -> None:
    assert len({written for written, _ in CASES}) == len(CASES) > 200


@pytest.mark.parametrize(("written", "spoken"), CASES, ids=[written for written, _ in CASES])
def test_what_is_written_is_spoken(written: str, spoken: str) -> None:
    assert ENGLISH.words(written) == f"{spoken}."


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("1,234", "one thousand two hundred and thirty four"),
        ("1,001", "one thousand and one"),
        ("12/3/2024", "the twelfth of March twenty twenty four"),
        ("£1,105.05", "one thousand one hundred and five pounds and five pence"),
        ("5 km", "five kilometres"),
    ],
)
def test_british_english_differs(written: str, spoken: str) -> None:
    assert BRITISH.words(written) == f"{spoken}."


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Open Mon.–Fri. 9am. Then not.", ["Open Mon.–Fri. 9am.", "Then not."]),
        ("It is 6 ft. tall. So.", ["It is 6 ft. tall.", "So."]),
        ("Dr. Smith left. He ran.", ["Dr. Smith left.", "He ran."]),
        ("It is 3.5 m. It is long.", ["It is 3.5 m.", "It is long."]),
        ("Mr. J. K. Hill et al. came.", ["Mr. J. K. Hill et al. came."]),
        ("See fig. 3. Then go.", ["See fig. 3.", "Then go."]),
        ("Meet at 5 p.m. The door is open.", ["Meet at 5 p.m.", "The door is open."]),
        ("Meet at 5 p.m. on Monday.", ["Meet at 5 p.m. on Monday."]),
        ("Pears, etc. It ends.", ["Pears, etc.", "It ends."]),
        ("The U.S. Army came. It left.", ["The U.S. Army came.", "It left."]),
        ('He said "Go." Then he went.', ['He said "Go."', "Then he went."]),
        ("Wait... what? No.", ["Wait... what?", "No."]),
        ("A title\n\nA text that\ngoes on.", ["A title", "A text that goes on."]),
        ("Buy:\n- milk\n- bread", ["Buy:", "- milk", "- bread"]),
        ("No. 5 is alive. No. It is not.", ["No. 5 is alive.", "No.", "It is not."]),
        ("It is 1.2.3. Get it at example.com. Now!", ["It is 1.2.3.", "Get it at example.com.", "Now!"]),
        ("Take vitamin C. It helps. Take J. Smith.", ["Take vitamin C.", "It helps.", "Take J. Smith."]),
        ("  \n ... \n", []),
    ],
)  # fmt: skip
def test_sentences_end_where_they_do(text: str, sentences: list[str]) -> None:
    assert ENGLISH.sentences(text) == sentences


def test_a_question_stays_one() -> None:
    assert ENGLISH.words("Is it 5?") == "Is it five?"
    assert ENGLISH.words("He said “no” (twice): 2 x!") == "He said “no” (twice): two x!"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (10**6 + 15, "one million and fifteen"),
        (120_406_700, "one hundred and twenty million four hundred and six thousand seven hundred"),
        (10**30, " ".join(["one"] + ["zero"] * 30)),
        (-7, "minus seven"),
    ],
)  # fmt: skip
def test_large_numbers(number: int, words: str) -> None:
    assert english.cardinal(number, link=True) == words


@pytest.mark.parametrize(
    ("text", "worth"),
    [("XIV", 14), ("MCMXC", 1990), ("IIII", 0), ("VX", 0), ("IC", 0), ("XLII", 42), ("VV", 0), ("IVI", 0)],
)
def test_roman_numerals_are_read_as_they_are_written(text: str, worth: int) -> None:
    assert english.roman(text) == worth


@pytest.mark.parametrize(
    "text",
    [
        "$" * 50,
        "1" * 900,
        "9/0",
        "-" * 200,
        "1:" * 200,
        "7/0 9/0 km",
        "٣ ① Ⅷ 9d11",
        "A." * 400,
        "@" * 99,
        "½" * 50,
        "'" * 80,
    ],
)
def test_odd_texts_are_read_in_time_and_without_digits(text: str) -> None:
    said = ENGLISH.words(text)
    assert not any(each in "0123456789$½" for each in said)
