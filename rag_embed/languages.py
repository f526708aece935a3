# ruff: noqa: RUF001 - words of many languages, which read best as text
"""Which language a text is in, of those with a stemmer: by the small words that every sentence has.

No model and nothing to download: a word counts for each language that has it among its most frequent
function words, less the more languages do (Grefenstette, "Comparing two language identification schemes",
1995, finds this as good as n-grams from about a sentence on).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

FUNCTION_WORDS = {
    "arabic": "في من على إلى أن هذا هذه التي الذي عن مع كان كانت لا ما لم هو هي ذلك بين كل بعد قبل أو ثم قد "
    "لكن عند حتى إذا كما هناك وقد وكان منذ خلال حيث غير أي نحن هم",
    "danish": "og i at det en den til er som på de med han af for ikke der var mig sig men et har om vi min "
    "havde ham hun nu over da fra du ud sin dem os op man hans hvor eller hvad skal selv her alle vil blev "
    "kunne ind når være dog noget ville jo deres efter ned skulle denne end dette mit også under have dig "
    "anden hende mine alt meget sit sine vor mod disse hvis din nogle hos blive mange ad bliver hendes været "
    "jer sådan",
    "dutch": "de en van ik te dat die in een hij het niet zijn is was op aan met als voor had er maar om hem "
    "dan zou of wat mijn men dit zo door over ze zich bij ook tot je mij uit der daar haar naar heb hoe heeft "
    "hebben deze u want nog zal me zij nu ge geen omdat iets worden toch al waren veel meer doen toen moet "
    "ben zonder kan hun dus alles onder ja werd wezen zelf tegen na reeds wie waar wanneer welke wordt",
    "english": "the of and to in a is that for it as was with be by on not he his but at are this have from "
    "or had an they which one you were all her she there would their we him been has when who will no more if "
    "out so what up its about into than them can only other could these our some do does how why where any "
    "did should must may your my then such because between through while after before those each over am "
    "me i us non",
    "finnish": "ja on ei että se hän oli mutta ovat kun niin kuin myös joka tai ole sen jos mitä jo sekä vain "
    "hänen kanssa olla voi nyt mukaan jotka ennen sitten tämä tämän vielä ollut mikä minä sinä me te he "
    "olen olet olemme joiden jonka missä mistä miten miksi kuka ovatko onko eivät siitä sitä niiden ne "
    "koska vaan kaikki jälkeen aikana välillä",
    "french": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont "
    "avec ou son lui nous comme mais on elle cette être leur ses aux fait été même deux ces sans tout vous "
    "je si peut dont était aussi où ont entre y après bien très donc comment quel quelle quels quelles "
    "pourquoi quand combien qu",
    "german": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an "
    "werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur "
    "oder aber vor zur bis mehr durch man sein wurde sei ich wir ihr ihre kann gegen vom wenn was unter keine "
    "wo wer warum welche welcher welches wann viele diese dieser dieses muss müssen soll beim zwischen ob",
    "greek": " το του της η ο να την με για τα από που στο τον είναι οι στην σε δεν τη των θα ένα μια οι τις "
    "στα στον ως αυτό τους κατά ή πως μας αν έχει όπως ήταν αλλά και μετά πριν ποιος πού πότε τι",
    "hungarian": "a az és hogy nem is egy ez volt meg csak de ha el még már mint azt vagy ki azonban lehet "
    "minden kell sem szerint után amely pedig ezt lesz majd aki nagy két akkor mert ezek olyan ami való "
    "között hogyan mi hol mikor miért melyik mennyi van vannak volna lett ahol arra erre neki őket",
    "italian": "di e il la che in a per un è del si una i le da con sono della al come dei più nel alla "
    "ha anche lo gli delle ma se o su dal ed nella questo essere dalla loro suo degli sua ai ci era quale "
    "quali dove quando perché chi cosa tra fra molto due stato hanno questa quella quello dopo prima sia "
    "sulla nelle agli dopo dell all nell",
    "norwegian": "og i det er på til som en å for av at med har de ikke den han om et var fra vi men jeg seg "
    "sier vil hun kan ble skal etter også ut år da da dette blir ved mot nå hva eller inn opp noe bare hvor "
    "når være bli sin så over ha noen deg meg hvordan hvorfor hvem hvilke mye ingen hadde deres dere denne "
    "disse hvis mellom under uten vår vært",
    "portuguese": "de a o que e do da em um para é não uma os no se na por mais as dos como mas foi ao "
    "ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era "
    "depois sem mesmo aos ter seus quem nas me esse eles estão você tinha foram essa num nem suas meu às "
    "minha têm numa pelos elas qual onde quais quanto são pode esta este isto porque",
    "romanian": "și şi de a în la cu pe nu că din o este un care pentru mai se al sau sunt ce au fi lui dar ca "
    "prin le după fost unde cum ale ei când cel cea cei cele până între această acest aceste acestea avea am "
    "ai are foarte numai decât dacă fără sa său sale noi voi ele cine cât câte despre asupra",
    "russian": "в не на что с по как это он но из у к за от так же для то все она было бы о его еще вы только "
    "и ее мне был вот меня нет ему когда даже ну если уже или ни быть до вас они тут где есть надо для мы тебя "
    "их чем была сам чтоб без чего раз тоже себе под будет кто этот того потому этого какой ним здесь этом "
    "один почти мой чтобы при который которые также какие может сколько после между",
    "spanish": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le "
    "ha me si sin sobre este ya entre cuando todo esta ser son dos también fue había era muy años hasta desde "
    "está mi porque qué sólo han yo hay vez puede todos así nos ni parte tiene él uno donde bien tiempo mismo "
    "ese ahora cada e vida otro después te cuál cuáles dónde cómo cuándo quién estos estas eso",
    "swedish": "och i att det som en på är av för med den till inte har de om ett han men var jag sig från vi "
    "så kan när år under också efter eller nu sin där vid mot ska skulle kommer ut får finns vara hade alla "
    "andra mycket än här då sedan över bara in blir upp även vad få två vill ha många hur mer går kunde hon "
    "varför vem vilka vilken vilket mellan detta denna dessa utan blev",
    "tamil": "ஒரு என்று மற்றும் இந்த இது என்ற கொண்டு என்பது பல ஆகும் அல்லது அவர் நான் உள்ள அந்த இவர் என முதல் "
    "என்ன இருந்து சில என் போன்ற வேண்டும் வந்து இதன் அது அவன் தான் பலரும் என்னும் மேலும் பின்னர் கொண்ட "
    "இருக்கும் தனது எந்த மட்டும் இந்தக் என்னை மிகவும் இங்கு மீது வரை",
    "turkish": "ve bir bu da de için ile çok ne daha gibi o en olarak kadar sonra ama olan her mi var ki ben "
    "değil mı şey olduğu ya diye göre ancak hem veya yok olduğunu tarafından ise nasıl neden nerede hangi "
    "kim onun bunu şu iki önce mu mü olur oldu vardı bütün biz siz sen onlar bazı hiç üzerinde arasında",
}
"""The most frequent function words of each language with a stemmer, lower case."""

_FIRST = 600
"""Words of a text that are looked at."""

_SHARE = 0.1
"""Of the different words must be function words, counted as below; of running text a third to a half are."""

_LEAST = 3
"""Function words of a language in Latin letters that are there at least: two may be a name, or English."""

_FOREIGN = 2
"""Of them that English has not."""

_NEAR = 0.6
"""Of what is counted for the first language; who has that much may be it too."""

_MOST = 3
"""Languages that a text may be in before it is said to be in none that is known."""


def detected(words: Sequence[str]) -> tuple[str, ...]:
    """The languages that a text may be in, likeliest first; none where its words do not say.

    A sentence of Swedish may be Danish too, to who knows its small words alone.

    Args:
        words: Of the text, lower case, in order.

    Examples:
        >>> detected("die katze schläft auf dem sofa".split())
        ('german',)
        >>> detected("python 3.12 release notes".split())
        ()
    """
    counted: dict[str, float] = {}
    different: Counter[str] = Counter()
    foreign: Counter[str] = Counter()
    known = _languages()
    said = dict.fromkeys(words[:_FIRST])  # names of code repeat what may be a word
    for word in said:
        for language in (of := known.get(word, ())):
            counted[language] = counted.get(language, 0.0) + 1 / len(of)
            different[language] += 1
            foreign[language] += "english" not in of
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    if not ranked:
        return ()
    best = ranked[0][0]
    if best in _LATIN and (different[best] < _LEAST or foreign[best] < _FOREIGN):
        return ()
    if ranked[0][1] < _SHARE * len(said):
        return ()
    near = tuple(language for language, count in ranked if count >= _NEAR * ranked[0][1])
    return near if len(near) <= _MOST else ()


@cache
def function_words(language: str) -> frozenset[str]:
    """Those of a language."""
    return frozenset(FUNCTION_WORDS[language].split())


@cache
def _languages() -> dict[str, tuple[str, ...]]:
    """Function word -> the languages that have it."""
    known: dict[str, tuple[str, ...]] = {}
    for language in FUNCTION_WORDS:
        for word in sorted(function_words(language)):
            known[word] = (*known.get(word, ()), language)
    return known


_SCRIPTS = (
    ("\u0370", "\u03ff", ("greek",)),
    ("\u0400", "\u052f", ("russian",)),
    ("\u0600", "\u06ff", ("arabic",)),
    ("\u0b80", "\u0bff", ("tamil",)),
)
_LATIN = tuple(
    language
    for language in FUNCTION_WORDS
    if language != "english" and not any(language in of for _, _, of in _SCRIPTS)
)


def written_like(words: Iterable[str]) -> tuple[str, ...]:
    """The languages but English in whose letters some of the words are.

    Examples:
        >>> written_like(["дома", "42"]), len(written_like(["casas"]))
        (('russian',), 13)
    """
    letters = {word[0] for word in words}
    found = [of for first, last, of in _SCRIPTS if any(first <= one <= last for one in letters)]
    latin = any(one.isalpha() and one < "\u0250" for one in letters)
    return sum(found, _LATIN if latin else ())
