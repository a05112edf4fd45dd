"""The raw material of the invented people: names, towns and companies of many scripts."""

# ruff: noqa: RUF001 - Turkish has a dotless i, and here it is meant.
from typing import NamedTuple


class Culture(NamedTuple):
    """Names that go together; each name is a pair (as written, as in an e-mail address)."""

    given: tuple[tuple[str, str], ...]
    family: tuple[tuple[str, str], ...]
    domain: str
    street: str
    city: str
    country: str
    country_code: str
    dial: str
    joint: str = " "
    """What stands between the names."""
    family_first: bool = False


def _names(words: str) -> tuple[tuple[str, str], ...]:
    """`Zoë=zoe Ada` is two names; the second needs no help to become an address."""
    pairs = (word.partition("=") for word in words.split())
    return tuple((native, latin or native.lower()) for native, _, latin in pairs)


CULTURES = (
    Culture(
        _names("Ada Niamh Gareth Siân=sian Owen Isla Rory Zoë=zoe"),
        _names("King O'Rourke=orourke Ashworth Llewellyn Mc-Bride=mcbride Whitfield Okafor Pryce"),
        "post", "Harbour Lane", "Bristol", "United Kingdom", "GB", "44",
    ),
    Culture(
        _names(
            "Chloé=chloe Maël=mael Éloïse=eloise François=francois"
            " Noémie=noemie Jérôme=jerome Inès=ines Loïc=loic"
        ),
        _names(
            "Lefèvre=lefevre Béranger=beranger Garçon=garcon D'Aubigné=daubigne"
            " Moreau Noël=noel Crépin=crepin Petit"
        ),
        "courrier", "rue des Tilleuls", "Besançon", "France", "FR", "33",
    ),
    Culture(
        _names(
            "Jürgen=juergen Käthe=kaethe Björn=bjoern Anneliese"
            " Günter=guenter Ulrike Sören=soeren Hannelore"
        ),
        _names(
            "Müller=mueller Weiß=weiss Schröder=schroeder Großmann=grossmann"
            " Vogt Jäger=jaeger Köhler=koehler Brandt"
        ),
        "netz", "Lindenstraße", "Tübingen", "Deutschland", "DE", "49",
    ),
    Culture(
        _names(
            "Łukasz=lukasz Żaneta=zaneta Święcisław=swiecislaw Małgorzata=malgorzata"
            " Grażyna=grazyna Paweł=pawel Ewa Jan"
        ),
        _names(
            "Wójcik=wojcik Dąbrowa=dabrowa Kędzior=kedzior Źrebiec=zrebiec"
            " Nowak Śliwa=sliwa Gołąb=golab Zięba=zieba"
        ),
        "poczta", "ulica Różana", "Łódź", "Polska", "PL", "48",
    ),
    Culture(
        _names("Ayşe=ayse Çağla=cagla İbrahim=ibrahim Gökçe=gokce Ümit=umit Şirin=sirin Deniz Işıl=isil"),
        _names(
            "Yıldız=yildiz Öztürk=ozturk Çelik=celik Şahin=sahin"
            " Güneş=gunes Aydın=aydin Kaya Doğan=dogan"
        ),
        "eposta", "Çınar Sokak", "Eskişehir", "Türkiye", "TR", "90",
    ),
    Culture(
        _names(
            "João=joao Conceição=conceicao Antônia=antonia Luís=luis"
            " Beatriz Zé=ze Inácio=inacio Flávia=flavia"
        ),
        _names(
            "Gonçalves=goncalves Araújo=araujo Falcão=falcao Simões=simoes"
            " Pereira Brandão=brandao Peçanha=pecanha Luz"
        ),
        "correio", "Rua das Laranjeiras", "São Luís", "Brasil", "BR", "55",
    ),
    Culture(
        _names(
            "Þórunn=thorunn Åse=aase Øystein=oystein Sigríður=sigridur"
            " Väinö=vaino Astrid Jørgen=jorgen Märta=marta"
        ),
        _names(
            "Ægisdóttir=aegisdottir Østergård=ostergard Hämäläinen=hamalainen Åkesson=akesson"
            " Lund Bjørnson=bjornson Ström=strom Dahl"
        ),
        "brev", "Strandgatan", "Ålesund", "Norge", "NO", "47",
    ),
    Culture(
        _names("Nguyệt=nguyet Đạt=dat Thảo=thao Huỳnh=huynh Ngọc=ngoc Tuấn=tuan Phượng=phuong Linh"),
        _names("Trần=tran Phạm=pham Đặng=dang Bùi=bui Võ=vo Lê=le Hoàng=hoang Đỗ=do"),
        "thu", "Đường Hoa Sen", "Huế", "Việt Nam", "VN", "84", family_first=True,
    ),
    Culture(
        _names(
            "Юлія=yuliia Артём=artyom Злата=zlata Всеволод=vsevolod"
            " Ганна=hanna Илья=ilya Соломія=solomiia Пётр=pyotr"
        ),
        _names(
            "Ковальчук=kovalchuk Щербак=shcherbak Журавель=zhuravel Ёлкин=yolkin"
            " Гриценко=hrytsenko Лисенко=lysenko Чайка=chaika Орлов=orlov"
        ),
        "poshta", "вулиця Садова", "Полтава", "Україна", "UA", "380",
    ),
    Culture(
        _names(
            "Ελένη=eleni Οδυσσέας=odysseas Χρυσάνθη=chrysanthi Γιώργος=giorgos"
            " Ξένια=xenia Θωμάς=thomas Ηρώ=iro Λευτέρης=lefteris"
        ),
        _names(
            "Παππάς=pappas Αγγελίδης=angelidis Ψαράς=psaras Ζερβός=zervos"
            " Μακρής=makris Ξυδάς=xydas Φωκάς=fokas Ράλλης=rallis"
        ),
        "tachydromeio", "Οδός Ελαιών", "Βόλος", "Ελλάδα", "GR", "30",
    ),
    Culture(
        _names("ليلى=layla يوسف=yusuf نور=nour خالد=khalid ريم=reem طارق=tariq هالة=hala سامي=sami"),
        _names(
            "الحداد=alhaddad منصور=mansour الزهراء=alzahra نجار=najjar"
            " قباني=qabbani شاهين=shaheen عواد=awwad الصباغ=alsabbagh"
        ),
        "barid", "شارع الياسمين", "عمّان", "الأردن", "JO", "962",
    ),
    Culture(
        _names("נועה=noa איתי=itay תמר=tamar אלון=alon שירה=shira גיל=gil מיכל=michal עומר=omer"),
        _names(
            "אלמוג=almog ברק=barak גולן=golan דרור=dror"
            " הראל=harel צוקרמן=zukerman שגיא=sagi רימון=rimon"
        ),
        "doar", "רחוב הדקל", "חיפה", "ישראל", "IL", "972",
    ),
    Culture(
        _names("雨桐=yutong 浩然=haoran 梓萱=zixuan 志強=zhiqiang 靜怡=jingyi 明=ming 思遠=siyuan 小燕=xiaoyan"),
        _names("王=wang 李=li 陳=chen 歐陽=ouyang 趙=zhao 司馬=sima 黃=huang 林=lin"),
        "youjian", "桂花路", "臺南", "臺灣", "TW", "886", joint="", family_first=True,
    ),
    Culture(
        _names("さくら=sakura 健太=kenta 美咲=misaki 翔=sho ひかり=hikari 大輔=daisuke 結衣=yui 悠斗=yuto"),
        _names(
            "佐藤=sato 髙橋=takahashi 渡邉=watanabe 小林=kobayashi"
            " 五十嵐=igarashi 森=mori 東海林=shoji 長谷川=hasegawa"
        ),
        "yubin", "桜通り", "金沢市", "日本", "JP", "81", family_first=True,
    ),
    Culture(
        _names("서연=seoyeon 민준=minjun 하은=haeun 도윤=doyun 지우=jiu 현우=hyunwoo 수아=sua 예준=yejun"),
        _names("김=kim 박=park 최=choi 정=jung 황보=hwangbo 남궁=namgung 윤=yoon 한=han"),
        "upyeon", "은행나무길", "전주시", "대한민국", "KR", "82", joint="", family_first=True,
    ),
    Culture(
        _names(
            "आरव=aarav दीपिका=deepika ऋषि=rishi ज्योत्स्ना=jyotsna"
            " विक्रम=vikram श्रुति=shruti कृष्णा=krishna मीरा=meera"
        ),
        _names(
            "शर्मा=sharma त्रिपाठी=tripathi श्रीवास्तव=shrivastava वर्मा=varma"
            " जोशी=joshi कुलकर्णी=kulkarni मिश्रा=mishra राव=rao"
        ),
        "dak", "गुलाब मार्ग", "जयपुर", "भारत", "IN", "91",
    ),
)  # fmt: skip

COMPANIES = (
    "Nordlys Bakery", "Käfer & Söhne", "青空書房", "Кузня Дзвін", "Oliveira Irmãos", "مكتبة الأفق",
    "Three Lamps Studio",
    "Αμπελώνες Ήλιος", "한강 자전거", "नीलकंठ वस्त्र", "Tide & Timber", "Péniche Verte",
)  # fmt: skip
TITLES = ("Analyst", "Ingénieure", "Bäckermeister", "Курьер", "店長", "Head of Maps", "مهندسة", "Dentist")
EMOJI = ("🌻", "👩🏽‍🚀", "🇧🇷", "🧗", "☕️", "🐙")
